#include "coordinator/withdrawal/withdrawal_store.h"

#include <array>

#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {
namespace {

constexpr std::array<absl::string_view, 4> kStateNames = {"MASKED", "ERASED", "RESOLVING", "DONE"};

constexpr char kColumns[] =
    "SELECT cooperative, contributor, state, actor, comment, files_deleted, receipt_envelope, "
    "masked_model, fusion, model, outcome, withdraw_time, done_time FROM withdrawals ";

WithdrawalState StateFromName(absl::string_view name) {
  for (size_t i = 0; i < kStateNames.size(); ++i) {
    if (kStateNames[i] == name) return static_cast<WithdrawalState>(i);
  }
  KALAVAI_CHECK(false, "the table's CHECK admits only these names");
}

WithdrawalRecord RecordOf(Row& row) {
  WithdrawalRecord record{.cooperative = row.Text(0),
                          .contributor = row.Text(1),
                          .state = StateFromName(row.Text(2)),
                          .actor = row.Text(3),
                          .comment = row.Text(4),
                          .files_deleted = row.Int(5),
                          .receipt_envelope = row.Text(6),
                          .masked_model = row.Text(7),
                          .fusion = row.Text(8),
                          .model = row.Text(9),
                          .outcome = row.Text(10),
                          .withdraw_time = row.Time(11)};
  if (!row.IsNull(12)) record.done_time = row.Time(12);
  return record;
}

}  // namespace

absl::string_view WithdrawalStateName(WithdrawalState state) {
  return kStateNames[static_cast<size_t>(state)];
}

absl::Status WithdrawalStore::Insert(const WithdrawalRecord& record) {
  RETURN_IF_ERROR(database_.Execute(
      "INSERT INTO withdrawals (cooperative, contributor, state, actor, comment, withdraw_time) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
      record.cooperative, record.contributor, WithdrawalStateName(record.state), record.actor,
      record.comment, record.withdraw_time));
  return Update(record);
}

absl::StatusOr<WithdrawalRecord> WithdrawalStore::Get(absl::string_view cooperative,
                                                      absl::string_view contributor) const {
  std::optional<WithdrawalRecord> found;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat(kColumns, "WHERE cooperative = ?1 AND contributor = ?2"),
      [&](Row& row) {
        found = RecordOf(row);
        return absl::OkStatus();
      },
      cooperative, contributor));
  if (found.has_value()) return *std::move(found);
  const std::string name = ContributorName(cooperative, contributor);
  return MakeError(absl::StatusCode::kNotFound, "CONTRIBUTOR_NOT_FOUND",
                   {.what = absl::StrCat(name, ": has not left; must have"),
                    .fix = "list the members: kalavai-coordinator members",
                    .metadata = {{"name", name}}});
}

absl::StatusOr<std::vector<WithdrawalRecord>> WithdrawalStore::List(
    absl::string_view cooperative) const {
  std::vector<WithdrawalRecord> records;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat(kColumns, "WHERE cooperative = ?1 ORDER BY contributor"),
      [&](Row& row) {
        records.push_back(RecordOf(row));
        return absl::OkStatus();
      },
      cooperative));
  return records;
}

absl::StatusOr<std::vector<WithdrawalRecord>> WithdrawalStore::ListUnfinished() const {
  std::vector<WithdrawalRecord> records;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat(kColumns,
                   "WHERE state <> 'DONE' ORDER BY withdraw_time, cooperative, contributor"),
      [&](Row& row) {
        records.push_back(RecordOf(row));
        return absl::OkStatus();
      }));
  return records;
}

absl::Status WithdrawalStore::Update(const WithdrawalRecord& record) {
  return database_.Execute(
      "UPDATE withdrawals SET state = ?3, files_deleted = ?4, receipt_envelope = ?5, "
      "masked_model = ?6, fusion = ?7, model = ?8, outcome = ?9, done_time = ?10 "
      "WHERE cooperative = ?1 AND contributor = ?2",
      record.cooperative, record.contributor, WithdrawalStateName(record.state),
      record.files_deleted, record.receipt_envelope, record.masked_model, record.fusion,
      record.model, record.outcome, record.done_time);
}

}  // namespace kalavai::coordinator

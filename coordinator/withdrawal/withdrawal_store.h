// Rows of phase 7: members that left, and how far the work of their leaving has come.
//
//   MASKED → ERASED → RESOLVING → DONE      (ERASED again when the re-solve lost another member)
//
// Ids here are ids; models and fusions are resource names. Methods join the caller's
// Database::Transact. Errors: those of Database; NOT_FOUND CONTRIBUTOR_NOT_FOUND. Any thread.
#ifndef KALAVAI_COORDINATOR_WITHDRAWAL_WITHDRAWAL_STORE_H_
#define KALAVAI_COORDINATOR_WITHDRAWAL_WITHDRAWAL_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/storage/sqlite.h"

namespace kalavai::coordinator {

enum class WithdrawalState {
  kMasked,     // silent at once; bytes are still to be deleted
  kErased,     // bytes deleted, receipt signed; the re-solve is still to be started
  kResolving,  // `fusion` runs
  kDone,
};
absl::string_view WithdrawalStateName(WithdrawalState state);  // "MASKED": as in cooperative.proto

struct WithdrawalRecord {
  std::string cooperative;  // id
  std::string contributor;  // id
  WithdrawalState state = WithdrawalState::kMasked;
  std::string actor;
  std::string comment;
  int64_t files_deleted = 0;
  std::string receipt_envelope = {};  // from kErased on
  std::string masked_model = {};
  std::string fusion = {};
  std::string model = {};
  std::string outcome = {};
  absl::Time withdraw_time;
  std::optional<absl::Time> done_time = {};
};

class WithdrawalStore {
 public:
  explicit WithdrawalStore(Database& database) : database_(database) {}

  absl::Status Insert(const WithdrawalRecord& record);
  absl::StatusOr<WithdrawalRecord> Get(absl::string_view cooperative,
                                       absl::string_view contributor) const;
  // By contributor, of one cooperative (an id).
  absl::StatusOr<std::vector<WithdrawalRecord>> List(absl::string_view cooperative) const;
  // Not DONE, in the order in which the members left.
  absl::StatusOr<std::vector<WithdrawalRecord>> ListUnfinished() const;
  // Everything but the names, actor, comment and time of leaving.
  absl::Status Update(const WithdrawalRecord& record);

 private:
  Database& database_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_WITHDRAWAL_WITHDRAWAL_STORE_H_

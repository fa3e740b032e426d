// Goal: what became of a member's leaving is found again, in order, until it is done.
// Method: rows of two members in a real database.
#include "coordinator/withdrawal/withdrawal_store.h"

#include <string>

#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {
namespace {

WithdrawalRecord RecordOf(const std::string& member, absl::Time time) {
  return {.cooperative = "nordic",
          .contributor = member,
          .actor = "administrator",
          .comment = "a letter",
          .withdraw_time = time};
}

TEST_CASE("A withdrawal comes back as it was saved", "[withdrawal]") {
  const CooperativeFixture fixture;
  WithdrawalStore store(*fixture.database);
  REQUIRE_STATUS(store.Get("nordic", "ann"), absl::StatusCode::kNotFound, "CONTRIBUTOR_NOT_FOUND");
  WithdrawalRecord record = RecordOf("ann", kNow);
  REQUIRE_OK(store.Insert(record));
  CHECK_FALSE(store.Insert(record).ok());  // once
  CHECK_FALSE(store.Insert(RecordOf("nobody", kNow)).ok());
  record.state = WithdrawalState::kDone;
  record.files_deleted = 7;
  record.receipt_envelope = "{}";
  record.masked_model = "cooperatives/nordic/models/m";
  record.fusion = "cooperatives/nordic/fusions/f";
  record.model = "cooperatives/nordic/models/f";
  record.outcome = "GUARD_NOT_MET";
  record.done_time = kNow + absl::Hours(1);
  REQUIRE_OK(store.Update(record));
  REQUIRE_OK_AND_ASSIGN(const WithdrawalRecord back, store.Get("nordic", "ann"));
  CHECK(back.state == WithdrawalState::kDone);
  CHECK(back.actor == "administrator");
  CHECK(back.comment == "a letter");
  CHECK(back.files_deleted == 7);
  CHECK(back.receipt_envelope == "{}");
  CHECK(back.masked_model == record.masked_model);
  CHECK(back.fusion == record.fusion);
  CHECK(back.model == record.model);
  CHECK(back.outcome == "GUARD_NOT_MET");
  CHECK(back.withdraw_time == kNow);
  CHECK(back.done_time == record.done_time);
}

TEST_CASE("Unfinished ones are listed in the order of leaving", "[withdrawal]") {
  const CooperativeFixture fixture;
  WithdrawalStore store(*fixture.database);
  REQUIRE_OK(store.Insert(RecordOf("ann", kNow + absl::Hours(1))));
  REQUIRE_OK(store.Insert(RecordOf("bo", kNow)));
  REQUIRE_OK_AND_ASSIGN(const auto both, store.ListUnfinished());
  REQUIRE(both.size() == 2);
  CHECK(both[0].contributor == "bo");
  REQUIRE_OK_AND_ASSIGN(const auto listed, store.List("nordic"));
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].contributor == "ann");
  CHECK(store.List("alpine").value().empty());
  for (const WithdrawalState state :
       {WithdrawalState::kErased, WithdrawalState::kResolving, WithdrawalState::kDone}) {
    WithdrawalRecord bo = both[0];
    bo.state = state;
    REQUIRE_OK(store.Update(bo));
    CHECK(store.ListUnfinished().value().size() == (state == WithdrawalState::kDone ? 1U : 2U));
    CHECK(WithdrawalStateName(store.Get("nordic", "bo").value().state) ==
          WithdrawalStateName(state));
  }
}

}  // namespace
}  // namespace kalavai::coordinator

// Goal: what the API tells of a row is the row, and states have the same names in both.
// Method: every state of rows; rows with every optional part and without.
#include "coordinator/launch/cooperative_message.h"

#include "common/rpc/timestamp.h"
#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("States have the same names in rows and messages") {
  for (const auto state :
       {CooperativeState::kDraft, CooperativeState::kActive, CooperativeState::kClosed}) {
    CooperativeRow row;
    row.id = "nordic";
    row.state = state;
    CHECK(v1::Cooperative::State_Name(ToMessage(row, std::nullopt).state()) == StateName(state));
  }
  for (const auto state :
       {ContributorState::kInvited, ContributorState::kActive, ContributorState::kWithdrawn}) {
    ContributorRow row;
    row.state = state;
    CHECK(v1::Contributor::State_Name(ToMessage(row).state()) == ContributorStateName(state));
  }
}

TEST_CASE("A draft has no base, no charter and no launch; a launched one tells of all") {
  CooperativeRow row;
  row.id = "nordic";
  row.domains = {"sea", "law"};
  row.freeze_depth = 3;
  row.create_time = kNow;
  const v1::Cooperative draft = ToMessage(row, std::nullopt);
  CHECK(draft.name() == "cooperatives/nordic");
  CHECK(draft.domains(0) == "sea");
  CHECK(draft.domains(1) == "law");
  CHECK(draft.freeze_depth() == 3);
  CHECK(draft.base_digest().empty());
  CHECK(draft.base_files().empty());
  CHECK_FALSE(draft.has_launch_time());
  row.launch_time = kNow + absl::Seconds(5);
  row.charter_envelope = "{}";
  const v1::Cooperative launched = ToMessage(
      row,
      BaseSummary{.root_digest = Sha256Of("root"),
                  .files = {{.path = "config.json", .size_bytes = 7, .digest = Sha256Of("c")}}});
  CHECK(launched.base_digest() == Sha256Of("root").Hex());
  REQUIRE(launched.base_files_size() == 1);
  CHECK(launched.base_files(0).path() == "config.json");
  CHECK(launched.base_files(0).size_bytes() == 7);
  CHECK(launched.base_files(0).sha256() == Sha256Of("c").Hex());
  CHECK(launched.charter_envelope() == "{}");
  CHECK(launched.launch_time().seconds() == launched.create_time().seconds() + 5);
}

TEST_CASE("A contributor's certificate has an end only after enrolment") {
  ContributorRow row = {.cooperative = "nordic", .id = "ann", .domain = "law", .create_time = kNow};
  const v1::Contributor invited = ToMessage(row);
  CHECK(invited.name() == "cooperatives/nordic/contributors/ann");
  CHECK(invited.domain() == "law");
  CHECK_FALSE(invited.has_certificate_expire_time());
  row.certificate_expire_time = kNow;
  row.signing_public_key = "pem";
  CHECK(ToMessage(row).certificate_expire_time().seconds() == absl::ToUnixSeconds(kNow));
  CHECK(ToMessage(row).signing_public_key() == "pem");
}

TEST_CASE("A probe text tells its digest and parts, not its bytes") {
  const ProbeTextRow row = {.cooperative = "nordic",
                            .domain = "general",
                            .public_class = true,
                            .format = "txt",
                            .digest = Sha256Of("text"),
                            .size_bytes = 4,
                            .router_documents = 5,
                            .evaluation_documents = 6};
  const v1::ProbeText message = ToMessage(row);
  CHECK(message.domain() == "general");
  CHECK(message.public_class());
  CHECK(message.sha256() == Sha256Of("text").Hex());
  CHECK(message.size_bytes() == 4);
  CHECK(message.router_documents() == 5);
  CHECK(message.evaluation_documents() == 6);
  CHECK(message.contributor().empty());
  ProbeTextRow sample = row;
  sample.contributor = "ann";
  CHECK(ToMessage(sample).contributor() == "cooperatives/nordic/contributors/ann");
}

}  // namespace
}  // namespace kalavai::coordinator

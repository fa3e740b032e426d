// Goal: who has left speaks no more, from the next token on, and the base always may.
// Method: experts of every kind of submission; a withdrawal between two questions.
#include "coordinator/serving/expert_mask.h"

#include "common/base/status_macros.h"
#include "tests/unit/coordinator/submission_rows.h"

namespace kalavai::coordinator {
namespace {

ModelExpertRecord ExpertOf(const std::string& member, const std::string& submission) {
  return {.submission = submission,
          .contributor = "cooperatives/nordic/contributors/" + member,
          .domain = "law",
          .root_digest = Sha256Of(member)};
}

TEST_CASE("The base and admitted specialists of present members may speak", "[serving]") {
  CooperativeFixture fixture;
  SubmissionStore submissions(*fixture.database);
  const ExpertMask mask(fixture.cooperatives, submissions);
  fixture.AddMember("cy", "sea");
  const std::string ann =
      AddSubmission(*fixture.database, "ann", "law", SubmissionState::kAdmitted);
  const std::string bo = AddSubmission(*fixture.database, "bo", "sea", SubmissionState::kAdmitted);
  const std::string cy =
      AddSubmission(*fixture.database, "cy", "sea", SubmissionState::kQuarantined);
  const std::vector<ModelExpertRecord> experts = {ModelExpertRecord(), ExpertOf("ann", ann),
                                                  ExpertOf("bo", bo), ExpertOf("cy", cy)};
  CHECK(mask.Allowed(experts) == std::vector<uint8_t>{1, 1, 1, 0});
  REQUIRE_OK(fixture.cooperatives.Withdraw("nordic", "ann", kNow));
  CHECK(mask.Allowed(experts) == std::vector<uint8_t>{1, 0, 1, 0});
  REQUIRE_OK(fixture.cooperatives.Withdraw("nordic", "bo", kNow));
  CHECK(mask.Allowed(experts) == std::vector<uint8_t>{1, 0, 0, 0});
}

TEST_CASE("What is known is asked for again when something was committed, and only then",
          "[serving]") {
  CooperativeFixture fixture;
  SubmissionStore submissions(*fixture.database);
  const ExpertMask mask(fixture.cooperatives, submissions);
  const std::vector<ModelExpertRecord> experts = {
      ExpertOf("ann", AddSubmission(*fixture.database, "ann", "law", SubmissionState::kAdmitted))};
  REQUIRE(mask.Allowed(experts) == std::vector<uint8_t>{1});
  // This thread would see its own changes in any query.
  const auto withdraw = [&](bool commit) {
    return fixture.database->Transact([&]() -> absl::Status {
      RETURN_IF_ERROR(fixture.cooperatives.Withdraw("nordic", "ann", kNow));
      CHECK(mask.Allowed(experts) == std::vector<uint8_t>{1});
      return commit ? absl::OkStatus() : absl::CancelledError("taken back");
    });
  };
  CHECK(absl::IsCancelled(withdraw(/*commit=*/false)));
  CHECK(mask.Allowed(experts) == std::vector<uint8_t>{1});
  REQUIRE_OK(withdraw(/*commit=*/true));
  CHECK(mask.Allowed(experts) == std::vector<uint8_t>{0});
}

TEST_CASE("Who cannot be looked up may not speak", "[serving]") {
  CooperativeFixture fixture;
  SubmissionStore submissions(*fixture.database);
  const ExpertMask mask(fixture.cooperatives, submissions);
  const std::string ann =
      AddSubmission(*fixture.database, "ann", "law", SubmissionState::kAdmitted);
  ModelExpertRecord unnamed = ExpertOf("ann", ann);
  unnamed.contributor = "ann";
  CHECK(mask.Allowed({unnamed, ExpertOf("zoe", ann), ExpertOf("ann", ann + "0")}) ==
        std::vector<uint8_t>{0, 0, 0});
  CHECK(mask.Allowed({}).empty());
}

}  // namespace
}  // namespace kalavai::coordinator

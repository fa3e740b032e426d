// Goal: who is no better than the base on its domain's probe text is quarantined once, the fusion
// goes on without or ends, and an administrator's later decision stands.
// Method: losses made up; a real database with three admitted specialists and a queued fusion.
#include "coordinator/fusion/specialist_screening.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "coordinator/fusion/fusion_report.h"
#include "coordinator/submission/verdict_receipt.h"
#include "coordinator/transparency/transparency_log.h"
#include "tests/unit/coordinator/submission_rows.h"

namespace kalavai::coordinator {
namespace {

constexpr char kFusion[] = "cooperatives/nordic/fusions/fusion-1";

struct Ground {
  CooperativeFixture rows;
  SubmissionStore submissions{*rows.database};
  FusionStore fusions{*rows.database};
  TransparencyLog log{*rows.database};
  SignedLog signed_log{log, NoteSigner::Create("kalavai/test").value()};
  Audit audit{log, SystemClock()};
  SigningKey key = SigningKey::Create().value();
  SpecialistScreening screening{
      {.database = *rows.database,
       .submissions = submissions,
       .fusions = fusions,
       .audit = audit,
       .clock = SystemClock(),
       .quarantine =
           [this](const std::string& submission, const CheckResult& check,
                  const nlohmann::json& evidence) {
             return QuarantineAdmitted({.log = signed_log, .key = key, .clock = SystemClock()},
                                       submissions, audit, submission, check, evidence);
           },
       .plan_again = [](const FusionRecord& fusion) -> absl::StatusOr<FusionPlan> {
         FusionPlan plan;
         plan.inputs.seed = fusion.experts.size();             // to be seen in input_json
         for (const char* const name : {"other-1", "bo-1"}) {  // one that was decided meanwhile
           LeftOut out;
           out.submission = absl::StrCat("cooperatives/nordic/submissions/", name);
           out.detail = "measured";
           plan.inputs.left_out.push_back(out);
         }
         return plan;
       }}};

  explicit Ground(const std::vector<std::string>& members) {
    rows.AddMember("cy", "sea");
    FusionRecord fusion;
    fusion.name = kFusion;
    fusion.cooperative = "cooperatives/nordic";
    ReportInputs inputs;
    inputs.left_out.resize(1);
    inputs.left_out[0].submission = "earlier";
    fusion.input_json = ReportInputsJson(inputs);
    fusion.create_time = kNow;
    fusion.experts.resize(1);
    fusion.experts[0].root_digest = Sha256Of("base");
    for (const std::string& member : members) {
      const std::string domain = member == "ann" ? "law" : "sea";
      fusion.experts.push_back(
          {.submission = AddSubmission(*rows.database, member, domain, SubmissionState::kAdmitted),
           .contributor = "cooperatives/nordic/contributors/" + member,
           .domain = domain,
           .root_digest = Sha256Of(member)});
    }
    REQUIRE_OK(fusions.Create(fusion));
  }

  absl::StatusOr<std::vector<size_t>> Screen(
      const std::vector<std::optional<double>>& divergences) {
    return screening.Screen(fusions.Get(kFusion).value(), divergences);
  }
  SubmissionState StateOf(const std::string& member) {
    return submissions.Get("cooperatives/nordic/submissions/" + member + "-1").value().state;
  }
};

TEST_CASE("Divergence is measured on the router part of the own domain's text", "[fusion]") {
  ProbeText probe;
  probe.chunk_tokens = 3;
  probe.domains = {{.name = "law"}, {.name = "sea"}, {.name = "general", .public_class = true}};
  for (int32_t d = 0; d < 3; ++d) {
    for (const ProbePart part : {ProbePart::kRouter, ProbePart::kEvaluation}) {
      probe.chunk_domain.push_back(d);
      probe.chunk_part.push_back(part);
    }
  }
  // A loss for each chunk, the same for its two predictions.
  const auto cache = [](const std::vector<float>& losses) {
    ProbeCache made;
    made.chunk_count = 6;
    made.chunk_tokens = 3;
    for (const float loss : losses) made.log_probs.insert(made.log_probs.end(), 2, -loss);
    return made;
  };
  std::vector<FusionExpert> experts(5);
  experts[1].domain = "law";
  experts[2].domain = "sea";
  experts[3].domain = "general";  // a public class is nobody's domain
  experts[4].domain = "nowhere";
  const std::vector<ProbeCache> caches = {cache({2, 2, 4, 4, 1, 1}), cache({1, 9, 9, 9, 9, 9}),
                                          cache({1, 1, 5, 1, 1, 1}), cache({1, 1, 1, 1, 1, 1}),
                                          cache({1, 1, 1, 1, 1, 1})};
  const auto divergences = ProbeDivergences(probe, experts, caches);
  REQUIRE(divergences.size() == 5);
  CHECK_FALSE(divergences[0].has_value());
  REQUIRE_NEAR(divergences[1].value(), 50, 1e-9);
  REQUIRE_NEAR(divergences[2].value(), -25, 1e-9);
  CHECK_FALSE(divergences[3].has_value());
  CHECK_FALSE(divergences[4].has_value());
}

TEST_CASE("The fusion goes on without whom it found wanting", "[fusion]") {
  Ground ground({"ann", "bo", "cy"});
  const int64_t leaves = ground.log.Size().value();
  REQUIRE_OK_AND_ASSIGN(auto without, ground.Screen({std::nullopt, 5.0, std::nullopt, 0.1}));
  CHECK(without.empty());
  CHECK(ground.log.Size().value() == leaves);

  REQUIRE_OK_AND_ASSIGN(without, ground.Screen({std::nullopt, 5.0, 0.0, 3.0}));
  CHECK(without == std::vector<size_t>{2});
  CHECK(ground.StateOf("bo") == SubmissionState::kQuarantined);
  CHECK(ground.StateOf("cy") == SubmissionState::kAdmitted);
  CHECK(ground.log.Size().value() == leaves + 2);  // the quarantine, the new plan
  REQUIRE_OK_AND_ASSIGN(const FusionRecord fusion, ground.fusions.Get(kFusion));
  REQUIRE(fusion.experts.size() == 3);
  CHECK(fusion.experts[2].submission == "cooperatives/nordic/submissions/cy-1");
  CHECK(fusion.input_json.find("\"seed\":3") != std::string::npos);
  REQUIRE_OK_AND_ASSIGN(const std::vector<LeftOut> left_out, LeftOutOf(fusion.input_json));
  REQUIRE(left_out.size() == 2);
  CHECK(left_out[0].submission == "earlier");
  CHECK(left_out[1].submission == "cooperatives/nordic/submissions/bo-1");
  CHECK(left_out[1].detail == "measured");
  CHECK(fusion.state == FusionState::kQueued);

  // Its arrays go with it, though no fusion mixes it.
  CHECK(ground.fusions.ListScreenedOfWithdrawn().value().empty());
  REQUIRE_OK(ground.rows.cooperatives.Withdraw("nordic", "bo", kNow));
  CHECK(ground.fusions.ListScreenedOfWithdrawn().value() == std::vector<Digest>{Sha256Of("bo")});
}

TEST_CASE("With fewer than two left the fusion ends and names whom it measured", "[fusion]") {
  Ground ground({"ann", "bo"});
  const auto refused = ground.Screen({std::nullopt, 5.0, -1.5});
  REQUIRE_STATUS(refused, absl::StatusCode::kFailedPrecondition, "PROBE_DIVERGENCE_NEGATIVE");
  REQUIRE_OK_AND_ASSIGN(const FusionRecord fusion, ground.fusions.Get(kFusion));
  CHECK(fusion.state == FusionState::kFailed);
  CHECK(fusion.failure_reason == "PROBE_DIVERGENCE_NEGATIVE");
  CHECK(fusion.failure_message.find("submissions/bo-1") != std::string::npos);
  CHECK(ground.StateOf("bo") == SubmissionState::kQuarantined);
}

TEST_CASE("An administrator's decision after the measurement stands", "[fusion]") {
  Ground ground({"ann", "bo", "cy"});
  REQUIRE_OK(ground.Screen({std::nullopt, 5.0, -2.0, 3.0}));
  const std::string bo = "cooperatives/nordic/submissions/bo-1";
  REQUIRE_OK(ground.submissions.DecideQuarantined(bo, true, "we know it", "{}", kNow));
  CHECK(AdmittedDespiteProbe(ground.submissions.Get(bo).value()));
  FusionRecord again = ground.fusions.Get(kFusion).value();
  again.experts.push_back(
      {.submission = bo, .contributor = "", .domain = "sea", .root_digest = {}});
  REQUIRE_OK_AND_ASSIGN(const auto without,
                        ground.screening.Screen(again, std::vector<std::optional<double>>{
                                                           std::nullopt, 5.0, 3.0, -2.0}));
  CHECK(without.empty());
  CHECK(ground.StateOf("bo") == SubmissionState::kAdmitted);
}

TEST_CASE("A superseded specialist is not decided about; its fusion ends", "[fusion]") {
  Ground ground({"ann", "bo", "cy"});
  REQUIRE_OK(ground.rows.database->Execute(
      "UPDATE submissions SET superseded_by = 'a newer one' WHERE name LIKE '%bo-1'"));
  REQUIRE_STATUS(ground.Screen({std::nullopt, 5.0, -2.0, 3.0}),
                 absl::StatusCode::kFailedPrecondition, "PROBE_DIVERGENCE_NEGATIVE");
  CHECK(ground.StateOf("bo") == SubmissionState::kSuperseded);
}

}  // namespace
}  // namespace kalavai::coordinator

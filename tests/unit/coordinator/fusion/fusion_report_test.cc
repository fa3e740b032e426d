// Goal: report.json says every figure under its documented name, and nothing of when or where.
// Method: an outcome by hand, read back figure by figure; one input changed at a time.
#include "coordinator/fusion/fusion_report.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "nlohmann/json.hpp"

#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/rpc/message_limits.h"
#include "tests/support/catch.h"
#include "tests/unit/coordinator/fusion/outcome_fixture.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("Every figure stands under its documented name", "[fusion]") {
  const FusionReport written =
      WriteFusionReport(ExampleInputs(), ExampleRouter(), ExampleOutcome());
  const nlohmann::json report = nlohmann::json::parse(written.json);
  CHECK(report["inputs"] == nlohmann::json::parse(ReportInputsJson(ExampleInputs())));
  CHECK(report["inputs"]["left_out"][0]["reason"] == "COPY_OF_OTHER");
  CHECK(report["inputs"]["mixture"] == "probability");
  CHECK(report["router"]["digest"] == "r0");
  CHECK(report["router"]["rung"] == "uniform");
  REQUIRE(report["domains"].size() == 3);
  const nlohmann::json& law = report["domains"][0];
  CHECK(law["domain"] == "law");
  CHECK(law["public"] == false);
  CHECK(law["tokens"] == 100);
  CHECK(law["losses"]["base"] == 2);
  CHECK(law["losses"]["specialists"] == nlohmann::json({1, 2}));
  CHECK(law["losses"]["fused"] == 1.0625);
  CHECK(law["guard"]["met"] == false);
  CHECK(law["guard"]["excess_percent"] == 6.25);
  CHECK(law["gate_shares"] == nlohmann::json({0.25, 0.5, 0.25}));
  CHECK(report["domains"][2]["public"] == true);
  CHECK(report["equal_weight"]["weight_average"] == 1.8125);
  CHECK(report["equal_weight"]["oracle"] == 1.25);
  CHECK(report["realised"]["best_specialist"] == "ann");
  CHECK(report["realised"]["gain_percent"] == 12.5);
  CHECK(report["realised"]["oracle_gap_nats"] == 0.0625);
  CHECK(report["realised"]["divergence_percent"] == nlohmann::json({50.0, nullptr}));
  CHECK(report["credit"]["members"][1]["shapley_nats"] == 0.25);
  CHECK(report["credit"]["members"][0]["contributor"] == "cooperatives/nordic/contributors/ann");
  CHECK(report["collapse"]["collapsed"] == true);
  CHECK(report["guard"]["met"] == false);
  CHECK(report["guard"]["tolerance_percent"] == 0.5);
  // What could not be predicted is null, never 0.
  CHECK(report["predicted"]["line"].is_null());
  CHECK(report["predicted"]["coverage"].is_null());
  CHECK(report["predicted"]["divergence_percent"].is_null());
  CHECK(report["predicted"]["oracle"]["low"] == 15);
}

TEST_CASE("What the plots are drawn from is in the report", "[fusion]") {
  FusionOutcome outcome = ExampleOutcome();
  outcome.spliced_loss = 1.5;
  outcome.spliced_oracle = 1.25;
  outcome.spliced_example = SplicedExample{
      .first = "law", .second = "sea", .change = 1, .weights = {0.5F, 0.25F, 0.25F, 0, 0.9996F, 0}};
  ReportRouter router = ExampleRouter();
  for (int step = 1; step <= 25; ++step) {
    router.trajectory.push_back({.step = step, .batch_loss = 30.0 - step, .alpha = 0.5});
  }
  const nlohmann::json report =
      nlohmann::json::parse(WriteFusionReport(ExampleInputs(), router, outcome).json);
  CHECK(report["spliced"]["fused"] == 1.5);
  CHECK(report["spliced"]["example"]["weights_permille"] ==
        nlohmann::json({"500 0", "250 1000", "250 0"}));
  CHECK(report["spliced"]["example"]["stride"] == 1);
  const nlohmann::json& trajectory = report["router"]["trajectory"];
  REQUIRE(trajectory.size() == 4);
  CHECK(trajectory[0]["step"] == 1);
  CHECK(trajectory[1] == nlohmann::json({{"step", 10}, {"loss", 20.0}, {"alpha", 0.5}}));
  CHECK(trajectory[3]["step"] == 25);
  // One counted domain changes to no other.
  CHECK(nlohmann::json::parse(WriteFusionReport(ExampleInputs(), {}, ExampleOutcome()).json)
            .at("spliced")
            .is_null());
}

TEST_CASE("A prediction by the line says what it rests on", "[fusion]") {
  FusionOutcome outcome = ExampleOutcome();
  outcome.line = LinePrediction{.estimate = {.gain_percent = 40, .interval = {-1, 81}},
                                .in_range = false,
                                .range_note = "divergence 50 %"};
  outcome.coverage = Estimate{.gain_percent = 16, .interval = {14, 18}};
  const nlohmann::json report =
      nlohmann::json::parse(WriteFusionReport(ExampleInputs(), {}, outcome).json);
  CHECK(report["predicted"]["line"]["outside_fitted_range"] == true);
  CHECK(report["predicted"]["line"]["range_note"] == "divergence 50 %");
  CHECK(report["predicted"]["line"]["low"] == -1);
  CHECK(report["predicted"]["coverage"]["high"] == 18);
}

TEST_CASE("A member can check the inputs of a report against their digest", "[fusion]") {
  const FusionReport written = WriteFusionReport(ExampleInputs(), {}, ExampleOutcome());
  CHECK(nlohmann::json::parse(written.json)["inputs"].dump() == ReportInputsJson(ExampleInputs()));
}

TEST_CASE("Who was left out is read back as it was written", "[fusion]") {
  const ReportInputs inputs = ExampleInputs();
  REQUIRE_OK_AND_ASSIGN(const std::vector<LeftOut> read, LeftOutOf(ReportInputsJson(inputs)));
  REQUIRE(read.size() == 1);
  CHECK(read[0].submission == inputs.left_out[0].submission);
  CHECK(read[0].contributor == inputs.left_out[0].contributor);
  CHECK(read[0].domain == inputs.left_out[0].domain);
  CHECK(read[0].state == inputs.left_out[0].state);
  CHECK(read[0].reason == inputs.left_out[0].reason);
  CHECK(LeftOutOf("{\"left_out\":[]}").value().empty());
  for (const char* const bad :
       {"", "[]", "{}", "{\"left_out\":{}}", "{\"left_out\":[5]}", "{\"left_out\":[{}]}"}) {
    INFO(bad);
    REQUIRE_STATUS(LeftOutOf(bad), absl::StatusCode::kInvalidArgument, "JSON_INVALID");
  }
}

// As many specialists, domains and tokens as the limits allow, with numbers of full length.
TEST_CASE("The report of the largest cooperative can be read and sent", "[fusion]") {
  const auto n = static_cast<size_t>(limits::kContributorsMax) + 1;
  const auto domains = static_cast<size_t>(limits::kDomainsMax);
  const std::string digest(64, 'd');
  const std::string id(40, 'x');
  const double third = 10.0 / 3;
  ReportInputs inputs = ExampleInputs();
  FusionOutcome outcome = ExampleOutcome();
  ReportRouter router = ExampleRouter();
  inputs.experts.clear();
  for (size_t i = 0; i < n; ++i) {
    inputs.experts.push_back({.label = id,
                              .submission = "cooperatives/" + id + "/submissions/" + id,
                              .contributor = "cooperatives/" + id + "/contributors/" + id,
                              .domain = id,
                              .root_digest = digest});
  }
  const DomainLosses losses{std::vector<double>(domains, third), third};
  outcome.domains.assign(domains, id);
  outcome.public_class.assign(domains, 0);
  outcome.tokens.assign(domains, 262080);
  outcome.chunks.assign(domains, 64);
  outcome.experts.assign(n, losses);
  outcome.uniform = outcome.oracle = outcome.token_oracle = outcome.fused = losses;
  outcome.weight_average = losses;
  outcome.share.assign(domains, std::vector<double>(n, third / 1000));
  outcome.guard.assign(domains, {third, -third, false});
  outcome.divergence.specialist_percent.assign(n - 1, third);
  outcome.credit_nats = {.shapley = std::vector<double>(n - 1, third),
                         .leave_one_out = std::vector<double>(n - 1, third),
                         .total = third};
  outcome.credit_percent = outcome.credit_nats;
  outcome.spliced_oracle = third;
  outcome.spliced_example = SplicedExample{
      .first = id,
      .second = id,
      .change = limits::kChunkTokensMax / 2,
      .weights = std::vector<float>(n * static_cast<size_t>(limits::kChunkTokensMax - 1), 0.002F)};
  for (int step = 1; step <= limits::kFusionStepsMax; ++step) {
    router.trajectory.push_back({.step = step, .batch_loss = third, .alpha = third / 1000});
  }
  const FusionReport written = WriteFusionReport(inputs, router, outcome);
  CHECK(static_cast<int64_t>(written.json.size()) < kReportBytesMax);
  CHECK(static_cast<int64_t>(written.json.size() + written.markdown.size()) <
        kResponseBytesMax - limits::kMiB);
  REQUIRE_OK_AND_ASSIGN(const nlohmann::json report,
                        ReadJson(written.json, {.bytes_max = kReportBytesMax}));
  const nlohmann::json& example = report["spliced"]["example"];
  CHECK(example["stride"] == 16);
  const auto line = example["weights_permille"][0].get<std::string>();
  CHECK(std::count(line.begin(), line.end(), ' ') == 255);
}

TEST_CASE("Every input is part of the report's bytes", "[fusion]") {
  const std::function<void(ReportInputs&)> changes[] = {
      [](ReportInputs&) {},
      [](ReportInputs& i) { i.cooperative = "cooperatives/alpine"; },
      [](ReportInputs& i) { i.base_digest = "x"; },
      [](ReportInputs& i) { i.charter_digest = "x"; },
      [](ReportInputs& i) { i.probe_digest = "x"; },
      [](ReportInputs& i) { i.experts[1].root_digest = "x"; },
      [](ReportInputs& i) { i.left_out.clear(); },
      [](ReportInputs& i) { i.seed = 8; },
      [](ReportInputs& i) { i.steps = 499; },
      [](ReportInputs& i) { i.threads = 2; },
      [](ReportInputs& i) { i.mixture = Mixture::kLogit; },
      [](ReportInputs& i) { i.chunk_tokens = 32; },
      [](ReportInputs& i) { i.program_version = "x"; },
      [](ReportInputs& i) { i.torch_version = "x"; },
      [](ReportInputs& i) { i.vector_level = "x"; },
  };
  std::set<std::string> reports;
  for (const auto& change : changes) {
    ReportInputs inputs = ExampleInputs();
    change(inputs);
    reports.insert(WriteFusionReport(inputs, {}, ExampleOutcome()).json);
  }
  CHECK(reports.size() == std::size(changes));
}

}  // namespace
}  // namespace kalavai::coordinator

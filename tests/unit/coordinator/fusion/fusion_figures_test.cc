// Goal: the figures of a fusion are those that arithmetic by hand gives.
// Method: two domains, two specialists that know one each, constant losses of 1 and 2 nats per
// token.
#include "coordinator/fusion/fusion_figures.h"

#include <cmath>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

#include "coordinator/fusion/fusion_report.h"
#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

// Base loses 2 everywhere, specialist i loses 1 on its own domain and 2 elsewhere.
struct Material {
  std::vector<float> log_prob;
  std::vector<float> hidden;
  std::vector<int32_t> domain;
  ProbeData data;

  explicit Material(int rows) {
    for (int32_t chunk = 0; chunk < 8; ++chunk) {
      domain.push_back(chunk / 4);
      for (int t = 0; t < rows; ++t) {
        log_prob.push_back(-2);
        log_prob.push_back(chunk < 4 ? -1.0F : -2.0F);
        log_prob.push_back(chunk < 4 ? -2.0F : -1.0F);
        hidden.push_back(0.5F);
      }
    }
    data.experts = 3;
    data.width = 1;
    data.rows = rows;
    data.domains = {"law", "sea"};
    data.log_prob = log_prob;
    data.hidden = hidden;
    data.domain = domain;
    data.chunk = domain;
  }
};

FiguresInput InputOf(const Material& material) {
  return {.router_part = &material.data,
          .evaluation_part = &material.data,
          .public_class = {0, 0},
          .expert_labels = {"base", "ann", "bo"},
          .expert_domains = {"", "law", "sea"},
          .weight_average_loss = {1.5, 1.75},
          .ladder = {UniformRouter(3)}};
}

TEST_CASE("public classes alone give no figures, and a reason", "[fusion]") {
  const Material material(256);
  FiguresInput input = InputOf(material);
  input.public_class = {1, 1};
  REQUIRE_STATUS(ComputeFigures(input), absl::StatusCode::kFailedPrecondition,
                 "PROBE_TEXT_MISSING");
  input.public_class = {1, 0};
  input.weight_average_loss = {};
  REQUIRE_OK(ComputeFigures(input));
}

TEST_CASE("losses, gains and credit are those of the hand calculation", "[fusion]") {
  const Material material(256);
  REQUIRE_OK_AND_ASSIGN(const FusionOutcome outcome, ComputeFigures(InputOf(material)));
  REQUIRE(std::abs(outcome.experts[0].equal_weight - 2) < 1e-6);
  REQUIRE(std::abs(outcome.experts[1].equal_weight - 1.5) < 1e-6);
  REQUIRE(std::abs(outcome.oracle.equal_weight - 1) < 1e-6);
  REQUIRE(std::abs(outcome.token_oracle.equal_weight - 1) < 1e-6);
  REQUIRE(std::abs(outcome.weight_average->equal_weight - 1.625) < 1e-12);
  const double uniform = -std::log((std::exp(-1.0) + 2 * std::exp(-2.0)) / 3);
  REQUIRE(std::abs(outcome.uniform.equal_weight - uniform) < 1e-6);
  REQUIRE(std::abs(outcome.oracle_gain_percent - 100.0 / 3) < 1e-4);
  REQUIRE(std::abs(*outcome.divergence.mean_percent - 50) < 1e-4);
  // The filter's bound: ln 3 + 255 ln(1/(1 - 0.003)) nats over 256 tokens.
  REQUIRE(outcome.fused.equal_weight > 1);
  REQUIRE(outcome.fused.equal_weight < 1 + (std::log(3.0) - 255 * std::log(0.997)) / 256);
  REQUIRE(!outcome.collapsed);
  for (const double share : outcome.credit_nats.shapley) REQUIRE(std::abs(share - 0.5) < 1e-6);
  REQUIRE(std::abs(outcome.credit_nats.total - 1) < 1e-6);
  REQUIRE(outcome.share[0][1] > 0.95);
  REQUIRE(outcome.positions.size() == 4);
  REQUIRE(outcome.positions[0].fused > outcome.positions[3].fused);
  REQUIRE(std::abs(outcome.coverage->gain_percent - 100.0 / 3) < 1e-4);
  REQUIRE(!outcome.line->in_range);
}

TEST_CASE("a change of subject is measured and shown", "[fusion]") {
  const Material material(256);
  REQUIRE_OK_AND_ASSIGN(const FusionOutcome outcome, ComputeFigures(InputOf(material)));
  REQUIRE_NEAR(outcome.spliced_oracle, 1, 1e-6);
  // The filter's bound with one change: ln 3 + ln(3/0.003) + 254 ln(1/(1 - 0.003)) nats.
  REQUIRE(outcome.spliced_loss > outcome.fused.equal_weight);
  REQUIRE(outcome.spliced_loss <
          1 + (std::log(3.0) + std::log(1000.0) - 254 * std::log(0.997)) / 256);
  REQUIRE(outcome.spliced_example.has_value());
  const SplicedExample& example = *outcome.spliced_example;
  CHECK(example.first == "law");
  CHECK(example.second == "sea");
  CHECK(example.change == 128);
  REQUIRE(example.weights.size() == 256 * 3);
  CHECK(example.weights[127 * 3 + 1] > 0.95F);
  CHECK(example.weights[255 * 3 + 2] > 0.95F);
}

TEST_CASE("one counted domain has nothing to change to", "[fusion]") {
  const Material material(64);
  FiguresInput input = InputOf(material);
  input.public_class = {0, 1};
  REQUIRE_OK_AND_ASSIGN(const FusionOutcome outcome, ComputeFigures(input));
  CHECK(outcome.spliced_oracle == 0);
  CHECK_FALSE(outcome.spliced_example.has_value());
}

TEST_CASE("every rung is evaluated, and the one the held-out third chose is kept", "[fusion]") {
  const Material material(64);
  // A ridge rung that leans a little to the specialists, and is therefore better.
  const RouterParameters ridge = {.experts = 3,
                                  .rung = RouterRung::kRidge,
                                  .transform = {.width = 1, .features = 1, .matrix = {0, 0}},
                                  .weight = {0, 0, 0},
                                  .bias = {0, 0.1, 0.1}};
  FiguresInput input = InputOf(material);
  input.ladder = {ridge, UniformRouter(3)};
  input.kept_rung = RouterRung::kUniform;
  REQUIRE_OK_AND_ASSIGN(const FusionOutcome uniform, ComputeFigures(input));
  REQUIRE(uniform.ladder.size() == 2);
  REQUIRE(uniform.router.rung == RouterRung::kUniform);
  REQUIRE(uniform.fused.equal_weight == uniform.ladder[1].equal_weight_loss);
  input.kept_rung = RouterRung::kRidge;
  REQUIRE_OK_AND_ASSIGN(const FusionOutcome chosen, ComputeFigures(input));
  REQUIRE(chosen.router.rung == RouterRung::kRidge);
  REQUIRE(chosen.fused.equal_weight == chosen.ladder[0].equal_weight_loss);
  REQUIRE(chosen.fused.equal_weight < uniform.fused.equal_weight);
}

TEST_CASE("a mixture of logits is judged by what its pass measured", "[fusion]") {
  const Material material(64);
  FiguresInput input = InputOf(material);
  input.ladder = {{.experts = 3,
                   .rung = RouterRung::kRidge,
                   .transform = {.width = 1, .features = 1, .matrix = {0, 0}},
                   .weight = {0, 0, 0},
                   .bias = {0, 0.1, 0.1}},
                  UniformRouter(3)};
  input.kept_rung = RouterRung::kRidge;
  REQUIRE_OK_AND_ASSIGN(const FusionOutcome probability, ComputeFigures(input));
  // Every chunk, then four spliced texts of each of the two orders.
  REQUIRE_OK_AND_ASSIGN(const std::vector<WeighedText> texts, WeighJudgedTexts(input));
  const size_t each = 8 + 8;
  REQUIRE(JudgedTexts(input).size() == each);
  REQUIRE(texts.size() == 2 * each);
  CHECK(texts[3].source.second == 3);
  CHECK(texts[8].source.first != texts[8].source.second);
  CHECK(texts[each].weights.size() == 64 * 3);
  CHECK(texts[0].weights[1] != texts[each].weights[1]);  // the ridge rung, the uniform one
  input.mixture = Mixture::kLogit;
  // The first chunk of "law" loses 2, its others 1.5, "sea" 1.25, spliced texts 3, the first eight
  // tokens of each 1 more; the first rung 1/4 more than that, the other one 1/8.
  for (size_t k = 0; k < texts.size(); ++k) {
    const size_t text = k % each;
    double loss = text == 0 ? 2 : text < 4 ? 1.5 : text < 8 ? 1.25 : 3;
    loss += k < each ? 0.25 : 0.125;
    std::vector<float>& row = input.logit_log_prob.emplace_back();
    for (int t = 0; t < 64; ++t) row.push_back(static_cast<float>(-loss - (t < 8 ? 1 : 0)));
  }
  REQUIRE_OK_AND_ASSIGN(const FusionOutcome outcome, ComputeFigures(input));
  REQUIRE_NEAR(outcome.fused.by_domain[0], 1.625 + 0.125 + 0.125, 1e-12);
  REQUIRE_NEAR(outcome.fused.by_domain[1], 1.25 + 0.125 + 0.125, 1e-12);
  REQUIRE_NEAR(outcome.fused.equal_weight, 1.6875, 1e-12);
  REQUIRE_NEAR(outcome.gain_percent, 100 * (1.5 - 1.6875) / 1.5, 1e-4);
  REQUIRE_NEAR(outcome.ladder[1].equal_weight_loss, 1.6875, 1e-12);
  REQUIRE_NEAR(outcome.positions[0].fused, 2.5625, 1e-12);
  REQUIRE_NEAR(outcome.positions[1].fused, 1.5625, 1e-12);
  REQUIRE_NEAR(outcome.spliced_loss, 3.125 + 0.125, 1e-12);
  CHECK(outcome.collapsed);
  CHECK_FALSE(outcome.guard_met);
  REQUIRE_NEAR(outcome.guard[1].excess_percent, 100 * (1.5 / 2 - 1), 1e-4);
  CHECK(outcome.router.mixture == Mixture::kLogit);
  // Both rungs have collapsed: the better is taken, and judged by its own rows.
  CHECK(outcome.router.rung == RouterRung::kUniform);
  // The gate, the experts and the baselines are what they are.
  CHECK(outcome.oracle.by_domain == probability.oracle.by_domain);
  CHECK(outcome.uniform.by_domain == probability.uniform.by_domain);
  CHECK(outcome.credit_nats.shapley == probability.credit_nats.shapley);
  CHECK(probability.router.mixture == Mixture::kProbability);
}

TEST_CASE("a text too short to find the speaker misses the guard", "[fusion]") {
  const Material material(2);
  REQUIRE_OK_AND_ASSIGN(const FusionOutcome outcome, ComputeFigures(InputOf(material)));
  REQUIRE(!outcome.guard_met);
  REQUIRE(outcome.guard[0].excess_percent > 0.5);
}

TEST_CASE("equal figures give an equal report, and it parses", "[fusion]") {
  const Material material(64);
  REQUIRE_OK_AND_ASSIGN(const FusionOutcome outcome, ComputeFigures(InputOf(material)));
  ReportInputs inputs;
  inputs.cooperative = "cooperatives/nordic";
  inputs.experts.resize(3);
  inputs.experts[0].label = "base";
  inputs.experts[1].label = "ann";
  inputs.experts[2].label = "bo";
  const ReportRouter router = {.digest = "00",
                               .training_reason = "held out",
                               .kept_rung = RouterRung::kUniform,
                               .held_out_loss = {1.25}};
  const FusionReport report = WriteFusionReport(inputs, router, outcome);
  REQUIRE(report.json == WriteFusionReport(inputs, router, outcome).json);
  const nlohmann::json object = nlohmann::json::parse(report.json);
  REQUIRE(object["realised"]["best_specialist"] == "ann");
  REQUIRE(object["domains"].size() == 2);
  REQUIRE(object["router"]["held_out_rung"] == "uniform");
  REQUIRE(object["router"]["ladder"].size() == 1);
  REQUIRE(object["router"]["ladder"][0]["held_out_loss"] == 1.25);
  REQUIRE(object["router"]["ladder"][0]["equal_weight_loss"] == outcome.fused.equal_weight);
  REQUIRE(report.markdown.find("| uniform (kept) | 1.2500 |") != std::string::npos);
  REQUIRE(report.markdown.find("# Fusion of cooperatives/nordic") == 0);
}

TEST_CASE("a reference model is a row of the report and no part of the mixture", "[fusion]") {
  const Material material(64);
  FiguresInput input = InputOf(material);
  REQUIRE_OK_AND_ASSIGN(const FusionOutcome without, ComputeFigures(input));
  input.reference_loss = {{1.25, 1.5}};
  REQUIRE_OK_AND_ASSIGN(const FusionOutcome outcome, ComputeFigures(input));
  REQUIRE(outcome.references.size() == 1);
  REQUIRE(outcome.references[0].equal_weight == 1.375);
  REQUIRE(outcome.fused.by_domain == without.fused.by_domain);
  REQUIRE(outcome.oracle.by_domain == without.oracle.by_domain);
  ReportInputs inputs;
  for (const char* const label : {"base", "ann", "bo"}) {
    inputs.experts.push_back(
        {.label = label, .submission = "", .contributor = "", .domain = "", .root_digest = ""});
  }
  inputs.references = {{.label = "monolithic", .root_digest = "abcd"}};
  const ReportRouter router = {.digest = "00",
                               .training_reason = "held out",
                               .kept_rung = RouterRung::kUniform,
                               .held_out_loss = {1.25}};
  const FusionReport report = WriteFusionReport(inputs, router, outcome);
  const nlohmann::json object = nlohmann::json::parse(report.json);
  REQUIRE(object["inputs"]["reference_models"][0]["root_digest"] == "abcd");
  REQUIRE(object["equal_weight"]["reference_models"][0] == 1.375);
  REQUIRE(object["domains"][1]["losses"]["reference_models"][0] == 1.5);
  REQUIRE(report.markdown.find("| reference: monolithic | 1.2500 | 1.5000 | 1.3750 |") !=
          std::string::npos);
  REQUIRE(report.markdown.find("| reference: monolithic | `abcd` |") != std::string::npos);
}

}  // namespace
}  // namespace kalavai::coordinator

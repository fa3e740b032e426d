// Goal: the figures of published loss matrices come out as published, and bad matrices are refused.
// Method: seven conditions of the paper's reference results (tests/golden/forecast) and a table of
// broken matrices.
#include "common/forecast/loss_matrix.h"

#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/forecast/coverage.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

nlohmann::json ReadConditions() {
  std::ifstream file(std::string(KALAVAI_GOLDEN_DIR) + "/forecast/conditions.json");
  REQUIRE(file.good());
  return nlohmann::json::parse(file).at("conditions");
}

LossMatrix ToMatrix(const nlohmann::json& condition) {
  LossMatrix matrix;
  matrix.domains = condition.at("domains").get<std::vector<std::string>>();
  const nlohmann::json& losses = condition.at("losses");
  matrix.models = {"base"};
  matrix.loss.emplace_back();
  for (const std::string& domain : matrix.domains) {
    matrix.loss[0].push_back(losses.at("base").at(domain).get<double>());
  }
  for (size_t d = 0; d < matrix.domains.size(); ++d) {
    matrix.models.push_back("specialist " + matrix.domains[d]);
    matrix.own_domain.push_back(static_cast<int>(d));
    matrix.loss.emplace_back();
    for (const std::string& domain : matrix.domains) {
      matrix.loss.back().push_back(
          losses.at("specialists").at(matrix.domains[d]).at(domain).get<double>());
    }
  }
  return matrix;
}

LossMatrix Small() {
  return {.domains = {"law", "tamil"},
          .models = {"base", "a", "b"},
          .loss = {{2, 4}, {1, 4.5}, {2.5, 3}},
          .own_domain = {0, 1}};
}

TEST_CASE("Published figures follow from the published matrices", "[forecast]") {
  const nlohmann::json conditions = ReadConditions();
  REQUIRE(conditions.size() == 8);
  for (const nlohmann::json& condition : conditions) {
    INFO(condition.at("id").get<std::string>());
    const LossMatrix matrix = ToMatrix(condition);
    const nlohmann::json& expected = condition.at("expected");
    REQUIRE_OK(ValidateLossMatrix(matrix));
    const BestSpecialist best = FindBestSpecialist(matrix);
    std::vector<double> fused;
    std::vector<MemberLosses> members;
    for (size_t d = 0; d < matrix.domains.size(); ++d) {
      fused.push_back(condition.at("losses").at("moe").at(matrix.domains[d]).get<double>());
      members.push_back({.domain = static_cast<int>(d),
                         .base_loss = matrix.loss[0][d],
                         .specialist_loss = matrix.loss[d + 1][d]});
    }
    const Divergence divergence = ComputeDivergence(matrix);
    REQUIRE_NEAR(divergence.mean_percent.value(), expected.at("mean_divergence_pct").get<double>(),
                 1e-4);
    REQUIRE_NEAR(best.equal_weight_loss, expected.at("ew_best_specialist").get<double>(), 1e-6);
    REQUIRE_NEAR(GainPercent(best.equal_weight_loss, EqualWeightLoss(fused)),
                 expected.at("gain_vs_best_pct").get<double>(), 1e-4);
    REQUIRE_OK_AND_ASSIGN(const Coverage coverage, EstimateCoverage(members, matrix.loss[0]));
    const DomainOracle oracle = ComputeDomainOracle(matrix);
    // The published ones let no base take part, which matters where a specialist was destroyed.
    if (condition.at("id") == "lora_r64_lr0.0002_s42") {
      CHECK(oracle.equal_weight_loss < expected.at("ew_oracle_min").get<double>());
      CHECK(coverage.gain_percent == 0);
      continue;
    }
    REQUIRE_NEAR(oracle.equal_weight_loss, expected.at("ew_oracle_min").get<double>(), 1e-6);
    REQUIRE_NEAR(coverage.gain_percent, expected.at("closed_form_gain_vs_best_pct").get<double>(),
                 1e-4);
  }
}

TEST_CASE("The collapsed run of the paper is found, its sound repeat is not", "[forecast]") {
  for (const nlohmann::json& condition : ReadConditions()) {
    const std::string id = condition.at("id").get<std::string>();
    if (id != "crosslingual_s42" && id != "crosslingual_s137") continue;
    const LossMatrix matrix = ToMatrix(condition);
    const double oracle = ComputeDomainOracle(matrix).equal_weight_loss;
    const double fused = condition.at("expected").at("ew_moe").get<double>();
    CHECK(IsCollapsed(fused, oracle, 4, 511) == (id == "crosslingual_s42"));
    const std::optional<double> efficiency = RouterEfficiency(
        condition.at("expected").at("gain_vs_best_pct").get<double>(), OracleGainPercent(matrix));
    REQUIRE(efficiency.has_value());
    CHECK((*efficiency < 0.5) == (id == "crosslingual_s42"));
  }
}

TEST_CASE("A small matrix gives the figures computed by hand", "[forecast]") {
  const LossMatrix matrix = Small();
  const Divergence divergence = ComputeDivergence(matrix);
  REQUIRE_NEAR(divergence.specialist_percent[0].value(), 50, 1e-12);
  REQUIRE_NEAR(divergence.specialist_percent[1].value(), 25, 1e-12);
  REQUIRE_NEAR(OracleGainPercent(matrix), 100 * (2.75 - 2) / 2.75, 1e-12);
  CHECK(ComputeDomainOracle(matrix).model == std::vector<int>{1, 2});
  CHECK_FALSE(RouterEfficiency(1, 0).has_value());
  REQUIRE_NEAR(CollapseThreshold(2, 5, 255), 0.02, 1e-12);
  REQUIRE_NEAR(CollapseThreshold(1, 5, 255), 2 * std::log(5) / 255, 1e-12);
}

TEST_CASE("A specialist without evaluation text has no divergence here", "[forecast]") {
  LossMatrix matrix = Small();
  matrix.own_domain[1] = kNoDomain;
  REQUIRE_OK(ValidateLossMatrix(matrix));
  const Divergence divergence = ComputeDivergence(matrix);
  CHECK_FALSE(divergence.specialist_percent[1].has_value());
  REQUIRE_NEAR(divergence.mean_percent.value(), 50, 1e-12);
}

TEST_CASE("Broken matrices are refused with their place", "[forecast]") {
  const std::vector<std::function<void(LossMatrix&)>> breaks = {
      [](LossMatrix& m) { m.domains.clear(); },
      [](LossMatrix& m) { m.models.clear(); },
      [](LossMatrix& m) { m.models[1] = "base"; },
      [](LossMatrix& m) { m.domains[0].clear(); },
      [](LossMatrix& m) { m.loss.pop_back(); },
      [](LossMatrix& m) { m.loss[1].pop_back(); },
      [](LossMatrix& m) { m.own_domain.pop_back(); },
      [](LossMatrix& m) { m.own_domain[0] = 2; },
      [](LossMatrix& m) { m.own_domain[0] = -2; },
      [](LossMatrix& m) { m.loss[1][0] = 0; },
      [](LossMatrix& m) { m.loss[1][0] = -1; },
      [](LossMatrix& m) { m.loss[1][0] = std::numeric_limits<double>::infinity(); },
  };
  for (const auto& break_matrix : breaks) {
    LossMatrix matrix = Small();
    break_matrix(matrix);
    REQUIRE_STATUS(ValidateLossMatrix(matrix), absl::StatusCode::kInvalidArgument,
                   "LOSS_MATRIX_INVALID");
  }
  LossMatrix matrix = Small();
  matrix.loss[1][0] = matrix.loss[2][1] = kLossMissing;
  REQUIRE_STATUS(ValidateLossMatrix(matrix), absl::StatusCode::kFailedPrecondition,
                 "EVALUATION_MISSING");
  CHECK(GetErrorDetail(ValidateLossMatrix(matrix))->text.metadata.at("missing") ==
        "a on law, b on tamil");
}

}  // namespace
}  // namespace kalavai

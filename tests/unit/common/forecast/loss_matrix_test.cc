// Goal: figures of small matrices are right, and bad matrices are refused.
// Method: by hand, two published matrices (tests/golden/forecast), and a table of broken ones; all
// published matrices are in matrix_forecast_test.cc.
#include "common/forecast/loss_matrix.h"

#include <functional>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/common/forecast/published_conditions.h"

namespace kalavai {
namespace {

LossMatrix Small() {
  return {.domains = {"law", "tamil"},
          .models = {"base", "a", "b"},
          .loss = {{2, 4}, {1, 4.5}, {2.5, 3}},
          .own_domain = {0, 1}};
}

TEST_CASE("The collapsed run of the paper is found, its sound repeat is not", "[forecast]") {
  for (const PublishedCondition& condition : PublishedConditions()) {
    const std::string& id = condition.id;
    if (id != "crosslingual_s42" && id != "crosslingual_s137") continue;
    const LossMatrix& matrix = condition.file.matrix;
    const double oracle = ComputeDomainOracle(matrix).equal_weight_loss;
    const double fused = condition.printed.at("ew_moe").get<double>();
    CHECK(IsCollapsed(fused, oracle, 4, 511) == (id == "crosslingual_s42"));
    const std::optional<double> efficiency = RouterEfficiency(
        condition.printed.at("gain_vs_best_pct").get<double>(), OracleGainPercent(matrix));
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

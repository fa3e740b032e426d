// Goal: the verdict follows the rule in the header and rests on the best predictor there is.
// Method: a table of estimates around the thresholds, and predictors that disagree.
#include "common/forecast/verdict.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("The rule holds at its edges", "[forecast]") {
  const struct {
    Estimate estimate;
    Verdict verdict;
  } table[] = {
      {{5, {3, 7}}, Verdict::kGo},         {{1, {0.1, 2}}, Verdict::kGo},
      {{0.9, {0.1, 2}}, Verdict::kUnsure}, {{5, {0, 9}}, Verdict::kUnsure},
      {{5, {-1, 9}}, Verdict::kUnsure},    {{0.4, {0.1, 0.9}}, Verdict::kNoGo},
      {{0.4, {0.1, 1}}, Verdict::kUnsure}, {{0, {0, 0}}, Verdict::kNoGo},
  };
  for (const auto& row : table) {
    REQUIRE_OK_AND_ASSIGN(const Decision decision, Decide({.oracle = row.estimate}));
    INFO(decision.reason);
    CHECK(decision.verdict == row.verdict);
    CHECK(decision.predictor == Predictor::kOracle);
  }
}

TEST_CASE("The oracle speaks before rows, rows before coverage, coverage before the line",
          "[forecast]") {
  const Estimate bad{0, {0, 0.5}};
  const LinePrediction line{.estimate = {9, {1, 17}}};
  REQUIRE_OK_AND_ASSIGN(const Decision coverage, Decide({.coverage = bad, .line = line}));
  CHECK(coverage.predictor == Predictor::kCoverage);
  CHECK(coverage.verdict == Verdict::kNoGo);
  const Estimate good{5, {4, 6}};
  REQUIRE_OK_AND_ASSIGN(const Decision rows, Decide({.rows = good, .coverage = bad}));
  CHECK(rows.predictor == Predictor::kRows);
  CHECK(rows.verdict == Verdict::kGo);
  REQUIRE_OK_AND_ASSIGN(const Decision oracle, Decide({.oracle = bad, .rows = good}));
  CHECK(oracle.predictor == Predictor::kOracle);
  // Each is judged over the base by its own figure.
  REQUIRE_OK_AND_ASSIGN(
      const Decision lower,
      Decide({.oracle_over_base_percent = 9, .rows = good, .rows_over_base_percent = -1}));
  CHECK(lower.verdict == Verdict::kNoGo);
  CHECK(lower.estimate.gain_percent == -1);
  REQUIRE_OK_AND_ASSIGN(const Decision alone, Decide({.line = line}));
  CHECK(alone.predictor == Predictor::kLine);
  CHECK(alone.verdict == Verdict::kGo);
}

TEST_CASE("A line outside its range is never sure, and nothing is no answer", "[forecast]") {
  const LinePrediction line{
      .estimate = {20, {10, 30}}, .in_range = false, .range_note = "20 specialists"};
  REQUIRE_OK_AND_ASSIGN(const Decision decision, Decide({.line = line}));
  CHECK(decision.verdict == Verdict::kUnsure);
  CHECK(decision.reason.find("20 specialists") != std::string::npos);
  REQUIRE_STATUS(Decide({}), absl::StatusCode::kFailedPrecondition, "MEASUREMENTS_MISSING");
}

}  // namespace
}  // namespace kalavai

// Goal: the forecast is design §2's arithmetic on what members reported.
// Method: two domains with figures worked out by hand; the oracle takes over when it is known.
#include "coordinator/prediction/gain_forecast.h"

#include <cmath>
#include <limits>

#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

MeasurementRow Reported(const char* who, const char* domain, double base, double own) {
  return {.cooperative = "c",
          .contributor = who,
          .domain = domain,
          .base_loss = base,
          .own_loss = own,
          .improvement_standard_error = 0.01,
          .held_out_tokens = 16'384};
}

TEST_CASE("Coverage over two domains, the larger improvement of a shared one counting") {
  // B = (4, 3); R = (1.0, 0.5): 100 * (1.5 - 1.0) / (7 - 1.0).
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3.5), Reported("b", "legal", 4, 3.0),
                        Reported("c", "medical", 3, 2.5)};
  REQUIRE_OK_AND_ASSIGN(const Forecast forecast, ForecastGain(input));
  REQUIRE_NEAR(forecast.coverage.gain_percent, 100 * 0.5 / 6, 1e-9);
  REQUIRE_NEAR(forecast.mean_divergence_percent, (12.5 + 25 + 100.0 / 6) / 3, 1e-9);
  REQUIRE(forecast.calibration_points == 6);
  REQUIRE(forecast.decision.predictor == Predictor::kCoverage);
  REQUIRE(forecast.decision.verdict == Verdict::kGo);
  REQUIRE_NEAR(forecast.members[0].other_domains_percent, 100 * 0.5 / 3, 1e-9);
  REQUIRE_NEAR(forecast.members[2].other_domains_percent, 25, 1e-9);

  input.oracle = Estimate{.gain_percent = 0.1, .interval = {.low = 0, .high = 0.2}};
  input.finished_fusions = {
      {.source = "f", .specialists = 3, .divergence_percent = 10, .gain_percent = 5}};
  REQUIRE_OK_AND_ASSIGN(const Forecast later, ForecastGain(input));
  REQUIRE(later.calibration_points == 7);
  REQUIRE(later.decision.predictor == Predictor::kOracle);
  REQUIRE(later.decision.verdict == Verdict::kNoGo);
}

TEST_CASE("Members of one domain have nothing to give each other") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3), Reported("b", "legal", 4, 3)};
  REQUIRE_OK_AND_ASSIGN(const Forecast forecast, ForecastGain(input));
  REQUIRE_NEAR(forecast.coverage.gain_percent, 0, 1e-9);
  REQUIRE(forecast.decision.verdict != Verdict::kGo);
  REQUIRE(forecast.members[0].other_domains_percent == 0);
}

TEST_CASE("A member that gave no standard error widens the interval") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3), Reported("b", "medical", 3, 2.5)};
  REQUIRE_OK_AND_ASSIGN(const Forecast known, ForecastGain(input));
  input.measurements[1].improvement_standard_error = 0;
  REQUIRE_OK_AND_ASSIGN(const Forecast unknown, ForecastGain(input));
  const auto width = [](const Estimate& e) { return e.interval.high - e.interval.low; };
  REQUIRE(width(unknown.coverage) > width(known.coverage));
}

TEST_CASE("The line is fitted on the points that were asked for") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3.5), Reported("b", "medical", 3, 2.5)};
  input.finished_fusions = {
      {.source = "f", .specialists = 2, .divergence_percent = 10, .gain_percent = 5},
      {.source = "g", .specialists = 2, .divergence_percent = 20, .gain_percent = 9}};
  struct Case {
    const char* set;
    int points;
    const char* name;
  };
  const Case cases[] = {{"all", 8, "published6 and 2 finished here"},
                        {"published6", 6, "published6"},
                        {"published8", 8, "published8"}};
  for (const Case& row : cases) {
    input.calibration = row.set;
    REQUIRE_OK_AND_ASSIGN(const Forecast forecast, ForecastGain(input));
    CHECK(forecast.calibration_points == row.points);
    CHECK(forecast.calibration == row.name);
  }
  input.calibration = "own";
  REQUIRE_STATUS(ForecastGain(input), absl::StatusCode::kInvalidArgument, "CALIBRATION_INVALID");
  input.finished_fusions.push_back(
      {.source = "h", .specialists = 2, .divergence_percent = 15, .gain_percent = 7});
  REQUIRE_OK_AND_ASSIGN(const Forecast own, ForecastGain(input));
  REQUIRE_NEAR(own.line.estimate.gain_percent, 5 + 0.4 * (own.mean_divergence_percent - 10), 1e-9);
  input.calibration = "published7";
  REQUIRE_STATUS(ForecastGain(input), absl::StatusCode::kInvalidArgument, "CALIBRATION_UNKNOWN");
}

TEST_CASE("Losses on public text move the verdict's ground, when all members report them") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3), Reported("b", "medical", 3, 2.5),
                        Reported("c", "welsh", 5, 4)};
  input.measurements[0].public_base_loss = 2;
  input.measurements[0].public_own_loss = 2.2;
  REQUIRE_OK_AND_ASSIGN(const Forecast partly, ForecastGain(input));
  CHECK_FALSE(partly.coverage_with_transfer.has_value());
  CHECK(partly.decision.predictor == Predictor::kCoverage);
  for (MeasurementRow& row : input.measurements) {
    row.public_base_loss = 2;
    row.public_own_loss = 2.2;  // everybody forgets a tenth
  }
  REQUIRE_OK_AND_ASSIGN(const Forecast all, ForecastGain(input));
  REQUIRE(all.coverage_with_transfer.has_value());
  CHECK(all.decision.predictor == Predictor::kCoverageWithTransfer);
  // ΣB = 12, ΣR = 2.5; the best single is c: it wins 1 and loses 0.1 * 7 elsewhere.
  REQUIRE_NEAR(all.coverage_with_transfer->gain_percent, 100 * (2.5 - 0.3) / (12 - 0.3), 1e-9);
  CHECK(all.coverage_with_transfer->interval.low < all.coverage_with_transfer->gain_percent);
  REQUIRE_NEAR(all.members[0].over_own_percent.value(), 100 * (8.8 - 6.5) / 8.8, 1e-9);
  CHECK_FALSE(partly.members[1].over_own_percent.has_value());
}

TEST_CASE("What would be without a member, and with a planned one") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3), Reported("b", "medical", 3, 2.5),
                        Reported("c", "welsh", 5, 4)};
  input.oracle = Estimate{.gain_percent = 9};
  REQUIRE_OK_AND_ASSIGN(const Forecast now, ForecastGain(input));
  REQUIRE_NEAR(now.members[2].gain_without_percent.value(), 100 * 0.5 / (7 - 1), 1e-9);
  REQUIRE_OK_AND_ASSIGN(const ForecastInput asked,
                        AskWhatIf(input, {"c"}, {{"tamil", 10, 8}, {"legal", 4, 2}}));
  CHECK_FALSE(asked.oracle.has_value());
  REQUIRE(asked.measurements.size() == 4);
  REQUIRE_OK_AND_ASSIGN(const Forecast forecast, ForecastGain(asked));
  // B = legal 4, medical 3, tamil 10; R = 2, 0.5, 2.
  REQUIRE_NEAR(forecast.coverage.gain_percent, 100 * 2.5 / (17 - 2), 1e-9);
  CHECK(forecast.coverage.interval.high > forecast.coverage.gain_percent);
  input.measurements.pop_back();
  REQUIRE_OK_AND_ASSIGN(const Forecast two, ForecastGain(input));
  CHECK_FALSE(two.members[0].gain_without_percent.has_value());
}

TEST_CASE("Where the base is better than every specialist, the gain over it is judged") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3), Reported("b", "medical", 3, 2.5)};
  input.oracle = Estimate{.gain_percent = 30, .interval = {.low = 29, .high = 31}};
  REQUIRE_OK_AND_ASSIGN(const Forecast over_best, ForecastGain(input));
  CHECK(over_best.decision.verdict == Verdict::kGo);
  input.oracle_over_base_percent = -0.25;
  REQUIRE_OK_AND_ASSIGN(const Forecast over_base, ForecastGain(input));
  CHECK(over_base.decision.verdict == Verdict::kNoGo);
  CHECK(over_base.decision.reason.find("over the base") != std::string::npos);
  CHECK(over_base.oracle->gain_percent == 30);  // the estimate is told as it is
}

TEST_CASE("Questions that make no sense are refused") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3), Reported("b", "medical", 3, 2.5)};
  const double nan = std::nan("");
  const PlannedMember plans[] = {{"", 4, 3},
                                 {std::string(64, 'd'), 4, 3},
                                 {"d", 0, 3},
                                 {"d", 4, -1},
                                 {"d", 101, 3},
                                 {"d", nan, 3},
                                 {"d", 4, std::numeric_limits<double>::infinity()}};
  for (const PlannedMember& plan : plans) {
    REQUIRE_STATUS(AskWhatIf(input, {}, {plan}), absl::StatusCode::kInvalidArgument,
                   "WHAT_IF_INVALID");
  }
  for (const std::vector<std::string>& without :
       {std::vector<std::string>{"nobody"}, {"a", "a"}, {""}}) {
    REQUIRE_STATUS(AskWhatIf(input, without, {}), absl::StatusCode::kInvalidArgument,
                   "WHAT_IF_INVALID");
  }
  REQUIRE_STATUS(AskWhatIf(input, {"a"}, {}), absl::StatusCode::kFailedPrecondition,
                 "NOT_ENOUGH_SPECIALISTS");
}

}  // namespace
}  // namespace kalavai::coordinator

// Goal: the forecast is design §2's arithmetic on what members reported.
// Method: two domains with figures worked out by hand; the oracle takes over when it is known.
#include "coordinator/prediction/gain_forecast.h"

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

}  // namespace
}  // namespace kalavai::coordinator

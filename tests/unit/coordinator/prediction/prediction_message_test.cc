// Goal: no figure that no training can give enters a prediction, and a message says what was
// computed. Method: a good measurement with one field at its border or beyond; a forecast by hand.
#include "coordinator/prediction/prediction_message.h"

#include <functional>
#include <limits>

#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

v1::Measurement Good() {
  v1::Measurement measurement;
  measurement.set_base_loss(4);
  measurement.set_own_loss(3);
  measurement.set_held_out_tokens(1);
  return measurement;
}

TEST_CASE("Each field of a measurement has its bounds") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinite = std::numeric_limits<double>::infinity();
  constexpr auto kLeast = static_cast<double>(std::numeric_limits<int64_t>::min());  // exact
  struct Field {
    const char* name;
    std::function<void(v1::Measurement&, double)> set;
    std::vector<double> good;
    std::vector<double> bad;
  };
  const Field fields[] = {
      {"base_loss",
       [](v1::Measurement& m, double v) { m.set_base_loss(v); },
       {1e-9, 100},
       {0, -1, 100.01, nan, infinite, -infinite}},
      {"own_loss",
       [](v1::Measurement& m, double v) { m.set_own_loss(v); },
       {1e-9, 100},
       {0, -1, 100.01, nan, infinite, -infinite}},
      {"public_base_loss",
       [](v1::Measurement& m, double v) {
         m.set_public_base_loss(v);
         m.set_public_own_loss(2);
       },
       {1e-9, 100},
       {0, -1, 100.01, nan, infinite, -infinite}},
      {"public_own_loss",
       [](v1::Measurement& m, double v) {
         m.set_public_base_loss(2);
         m.set_public_own_loss(v);
       },
       {1e-9, 100},
       {0, -1, 100.01, nan, infinite, -infinite}},
      {"improvement_standard_error",
       [](v1::Measurement& m, double v) { m.set_improvement_standard_error(v); },
       {0, 100},
       {-1e-9, 100.01, nan, infinite, -infinite}},
      {"held_out_tokens",
       [](v1::Measurement& m, double v) { m.set_held_out_tokens(static_cast<int64_t>(v)); },
       {1, 1e15},
       {0, -1, kLeast}},
      {"steps",
       [](v1::Measurement& m, double v) { m.set_steps(static_cast<int64_t>(v)); },
       {0, 1e9},
       {-1, kLeast}},
  };
  for (const Field& field : fields) {
    for (const double value : field.good) {
      INFO(field.name << " = " << value);
      v1::Measurement measurement = Good();
      field.set(measurement, value);
      REQUIRE_OK(CheckMeasurement(measurement));
    }
    for (const double value : field.bad) {
      INFO(field.name << " = " << value);
      v1::Measurement measurement = Good();
      field.set(measurement, value);
      const absl::Status status = CheckMeasurement(measurement);
      REQUIRE_STATUS(status, absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID");
      CHECK(status.message().find(field.name) != absl::string_view::npos);
    }
  }
}

TEST_CASE("Losses on public text come together or not at all") {
  v1::Measurement measurement = Good();
  measurement.set_public_base_loss(2);
  REQUIRE_STATUS(CheckMeasurement(measurement), absl::StatusCode::kInvalidArgument,
                 "MEASUREMENT_INVALID");
  measurement.set_public_own_loss(2.5);
  REQUIRE_OK(CheckMeasurement(measurement));
  for (const double bad : {0.0, -1.0, 100.01, std::numeric_limits<double>::quiet_NaN()}) {
    measurement.set_public_own_loss(bad);
    REQUIRE_STATUS(CheckMeasurement(measurement), absl::StatusCode::kInvalidArgument,
                   "MEASUREMENT_INVALID");
  }
  measurement.clear_public_base_loss();
  measurement.set_public_own_loss(2.5);
  REQUIRE_STATUS(CheckMeasurement(measurement), absl::StatusCode::kInvalidArgument,
                 "MEASUREMENT_INVALID");
}

TEST_CASE("A forecast is told figure by figure, each member by its own name") {
  std::vector<MeasurementRow> rows(2);
  rows[0].contributor = "ann";
  rows[1].contributor = "bo";
  for (MeasurementRow& row : rows) row.cooperative = "nordic";
  Forecast forecast;
  forecast.decision.verdict = Verdict::kNoGo;
  forecast.decision.predictor = Predictor::kCoverage;
  forecast.decision.reason = "too little to win";
  forecast.coverage = {.gain_percent = 0.5, .interval = {.low = 0.25, .high = 0.75}};
  forecast.line.estimate = {.gain_percent = 3, .interval = {.low = -6, .high = 12}};
  forecast.line.in_range = false;
  forecast.mean_divergence_percent = 7;
  forecast.calibration_points = 6;
  forecast.members = {{.contributor = "ann", .other_domains_percent = 1},
                      {.contributor = "bo", .other_domains_percent = 2}};
  const v1::Prediction message = ToMessage(forecast, rows);
  CHECK(message.verdict() == v1::Prediction::NO_GO);
  CHECK(message.basis() == "coverage");
  CHECK(message.reason() == "too little to win");
  CHECK(message.coverage().low() == 0.25);
  CHECK(message.coverage().high() == 0.75);
  CHECK(message.line().value() == 3);
  CHECK(message.outside_fitted_range());
  CHECK_FALSE(message.has_oracle());
  CHECK(message.calibration_points() == 6);
  REQUIRE(message.member_values_size() == 2);
  CHECK(message.member_values(1).contributor() == "cooperatives/nordic/contributors/bo");
  CHECK(message.member_values(1).other_domains_percent() == 2);
  CHECK(message.measurements(0).contributor() == "cooperatives/nordic/contributors/ann");
  CHECK_FALSE(message.has_coverage_with_transfer());
  CHECK_FALSE(message.member_values(0).has_gain_without_percent());
  forecast.coverage_with_transfer = Estimate{.gain_percent = 4};
  forecast.calibration = "published6";
  forecast.members[0].gain_without_percent = 0.25;
  forecast.members[0].over_own_percent = 2.5;
  CHECK(ToMessage(forecast, rows).coverage_with_transfer().value() == 4);
  CHECK(ToMessage(forecast, rows).calibration() == "published6");
  CHECK(ToMessage(forecast, rows).member_values(0).gain_without_percent() == 0.25);
  CHECK(ToMessage(forecast, rows).member_values(0).over_own_percent() == 2.5);
  forecast.oracle = Estimate{.gain_percent = 9};
  CHECK(ToMessage(forecast, rows).oracle().value() == 9);
}

TEST_CASE("Verdicts have the same names in forecasts and messages") {
  for (const Verdict verdict : {Verdict::kGo, Verdict::kNoGo, Verdict::kUnsure}) {
    Forecast forecast;
    forecast.decision.verdict = verdict;
    CHECK(v1::Prediction::Verdict_Name(ToMessage(forecast, {}).verdict()) == VerdictName(verdict));
  }
}

}  // namespace
}  // namespace kalavai::coordinator

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
  for (const char* const domain : {"law", "sea"}) {
    v1::DomainLosses& losses = *measurement.add_row();
    losses.set_domain(domain);
    losses.set_base_loss(4);
    losses.set_own_loss(3);
    losses.set_tokens(1);
    losses.set_text_sha256(std::string(64, 'a'));
  }
  return measurement;
}

const std::vector<std::string> kDomains = {"law", "sea", "moon"};

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
       {1e-6, 100},
       {0, 5e-324, 9.9e-7, -1, 100.01, nan, infinite, -infinite}},
      {"own_loss",
       [](v1::Measurement& m, double v) { m.set_own_loss(v); },
       {1e-6, 100},
       {0, 5e-324, 9.9e-7, -1, 100.01, nan, infinite, -infinite}},
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
      {"row[1].base_loss",
       [](v1::Measurement& m, double v) { m.mutable_row(1)->set_base_loss(v); },
       {1e-6, 100},
       {0, 5e-324, 9.9e-7, -1, 100.01, nan, infinite, -infinite}},
      {"row[1].own_loss",
       [](v1::Measurement& m, double v) { m.mutable_row(1)->set_own_loss(v); },
       {1e-6, 100},
       {0, 5e-324, 9.9e-7, -1, 100.01, nan, infinite, -infinite}},
      {"row[1].improvement_standard_error",
       [](v1::Measurement& m, double v) { m.mutable_row(1)->set_improvement_standard_error(v); },
       {0, 100},
       {-1e-9, 100.01, nan, infinite, -infinite}},
      {"row[1].tokens",
       [](v1::Measurement& m, double v) { m.mutable_row(1)->set_tokens(static_cast<int64_t>(v)); },
       {1, 1e15},
       {0, -1, kLeast}},
  };
  for (const Field& field : fields) {
    for (const double value : field.good) {
      INFO(field.name << " = " << value);
      v1::Measurement measurement = Good();
      field.set(measurement, value);
      REQUIRE_OK(CheckMeasurement(measurement, kDomains));
    }
    for (const double value : field.bad) {
      INFO(field.name << " = " << value);
      v1::Measurement measurement = Good();
      field.set(measurement, value);
      const absl::Status status = CheckMeasurement(measurement, kDomains);
      REQUIRE_STATUS(status, absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID");
      CHECK(status.message().find(field.name) != absl::string_view::npos);
    }
  }
}

TEST_CASE("A row has domains of the charter, each once, and names its text") {
  v1::Measurement measurement = Good();
  measurement.clear_row();
  REQUIRE_OK(CheckMeasurement(measurement, kDomains));
  for (const std::string domain : {"", "everything", "LAW", "law ", "l\377w"}) {
    measurement = Good();
    measurement.mutable_row(1)->set_domain(domain);
    REQUIRE_STATUS(CheckMeasurement(measurement, kDomains), absl::StatusCode::kInvalidArgument,
                   "DOMAIN_UNKNOWN");
  }
  measurement = Good();
  measurement.mutable_row(1)->set_domain("law");
  const absl::Status twice = CheckMeasurement(measurement, kDomains);
  REQUIRE_STATUS(twice, absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID");
  CHECK(twice.message().find("row[1].domain") != absl::string_view::npos);
  for (const std::string& digest :
       {std::string(), std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'A'),
        std::string(64, 'g'), std::string(100'000, 'a')}) {
    measurement = Good();
    measurement.mutable_row(0)->set_text_sha256(digest);
    const absl::Status status = CheckMeasurement(measurement, kDomains);
    REQUIRE_STATUS(status, absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID");
    CHECK(status.message().find("row[0].text_sha256") != absl::string_view::npos);
    CHECK(status.message().size() < 500);
  }
  // More entries than domains must repeat one.
  measurement = Good();
  for (int i = 0; i < 10'000; ++i) *measurement.add_row() = measurement.row(0);
  REQUIRE_STATUS(CheckMeasurement(measurement, kDomains), absl::StatusCode::kInvalidArgument,
                 "MEASUREMENT_INVALID");
}

TEST_CASE("A row survives the way to the database's form and back") {
  MeasurementRow row;
  row.row = RowOf(Good());
  REQUIRE(row.row.size() == 2);
  CHECK(row.row[1].domain == "sea");
  CHECK(row.row[1].own_loss == 3);
  CHECK(ToMessage(row).row(1).SerializeAsString() == Good().row(1).SerializeAsString());
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
  CHECK_FALSE(message.has_rows());
  CHECK_FALSE(message.member_values(0).has_gain_without_percent());
  forecast.rows = Estimate{.gain_percent = 4};
  forecast.rows_note = "bo on law";
  rows[0].row = RowOf(Good());
  forecast.calibration = "published6";
  forecast.members[0].gain_without_percent = 0.25;
  forecast.members[0].over_own_percent = 2.5;
  CHECK(ToMessage(forecast, rows).rows().value() == 4);
  CHECK(ToMessage(forecast, rows).rows_note() == "bo on law");
  CHECK(ToMessage(forecast, rows).measurements(0).row_size() == 0);
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

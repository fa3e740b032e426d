// Goal: the line and its intervals are the published ones, refitted without rounding.
// Method: coefficients and 95 % prediction intervals as printed in the study, and degenerate
// points.
#include "common/forecast/line.h"

#include <limits>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("The published points give the published line and intervals", "[forecast]") {
  REQUIRE_OK_AND_ASSIGN(const Line line, FitLine("published", PublishedCalibrationPoints()));
  CHECK(line.points == 6);
  REQUIRE_NEAR(line.slope, 0.8170, 5e-5);
  REQUIRE_NEAR(line.intercept, -2.7237, 5e-5);
  REQUIRE_NEAR(line.r_squared, 0.8565, 5e-5);
  const double table[][3] = {{5, 1.36, 9.80}, {15, 9.53, 8.75}, {25, 17.70, 10.01}};
  for (const auto& row : table) {
    const LinePrediction prediction = PredictGain(line, row[0], 3);
    CHECK(prediction.in_range);
    REQUIRE_NEAR(prediction.estimate.gain_percent, row[1], 0.005);
    REQUIRE_NEAR(prediction.estimate.interval.high - prediction.estimate.gain_percent, row[2],
                 0.005);
    REQUIRE_NEAR(prediction.estimate.gain_percent - prediction.estimate.interval.low, row[2],
                 0.005);
  }
}

TEST_CASE("Outside the fitted range the prediction says so", "[forecast]") {
  REQUIRE_OK_AND_ASSIGN(const Line line, FitLine("published", PublishedCalibrationPoints()));
  CHECK(PredictGain(line, 26, 4).in_range);
  CHECK(PredictGain(line, 3, 2).in_range);
  CHECK_FALSE(PredictGain(line, 15, 5).in_range);
  CHECK_FALSE(PredictGain(line, 2.9, 3).in_range);
  CHECK_FALSE(PredictGain(line, 26.1, 3).in_range);
  CHECK(PredictGain(line, 15, 5).range_note.find("5 specialists") != std::string::npos);
}

TEST_CASE("A fusion of one's own moves the line", "[forecast]") {
  std::vector<CalibrationPoint> points = PublishedCalibrationPoints();
  points.push_back({"own", 4, 14.62, 7.54});
  REQUIRE_OK_AND_ASSIGN(const Line line, FitLine("published and own", points));
  CHECK(line.points == 7);
  CHECK(line.intercept < -2.8);  // the new point lies below the old line
}

TEST_CASE("The fitted range is that of the line's own points", "[forecast]") {
  const std::vector<CalibrationPoint> points = {
      {"a", 3, 31.5, 20}, {"b", 8, 44.2, 33}, {"c", 5, 40, 28}};
  REQUIRE_OK_AND_ASSIGN(const Line line, FitLine("own", points));
  CHECK(PredictGain(line, 31, 8).in_range);
  CHECK(PredictGain(line, 45, 3).in_range);
  CHECK(PredictGain(line, 40, 9).range_note == "9 specialists; the line was fitted on 3 to 8");
  CHECK(PredictGain(line, 15, 4).range_note ==
        "divergence 15.00 %; the line was fitted on 31 to 45 %");
}

TEST_CASE("Points that carry no line are refused", "[forecast]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::vector<CalibrationPoint>> table = {
      {},
      {{"a", 2, 1, 1}, {"b", 2, 2, 2}},
      {{"a", 2, 5, 1}, {"b", 2, 5, 2}, {"c", 2, 5, 3}},
      {{"a", 2, 1, 1}, {"b", 2, 2, nan}, {"c", 2, 3, 3}},
  };
  for (const auto& points : table) {
    REQUIRE_STATUS(FitLine("bad", points), absl::StatusCode::kInvalidArgument,
                   "CALIBRATION_INVALID");
  }
}

}  // namespace
}  // namespace kalavai

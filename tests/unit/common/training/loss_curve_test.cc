// Goal: a pilot's forecast finds the end of a curve of the assumed form and owns up when it cannot.
// Method: curves made from the formula; curves that rise, are too short or hold nonsense.
#include "common/training/loss_curve.h"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

const Hyperparameters kRun = {.learning_rate = 1e-3, .warmup_steps = 20, .steps = 200};

double Formula(double base, double tau, double b, int64_t step) {
  return base * std::pow(1 + AccumulatedLearningRate(kRun, step) / tau, -b);
}

TEST_CASE("A curve of the assumed form is extrapolated to its end", "[training]") {
  for (const double b : {0.02, 0.1, 0.4}) {
    std::vector<CurvePoint> points;
    for (const int64_t step : {0, 5, 10, 20, 30, 40}) {
      points.push_back({step, Formula(4.0, 0.01, b, step)});
    }
    const auto forecast = Extrapolate(kRun, points);
    REQUIRE(forecast.has_value());
    REQUIRE_NEAR(forecast->loss, Formula(4.0, 0.01, b, 200), 0.01);
    REQUIRE_NEAR(forecast->exponent, b, 0.05 * b);
    REQUIRE(forecast->error_percent == 3.0);  // the floor
  }
}

TEST_CASE("A noisy curve has a larger error than a clean one", "[training]") {
  std::vector<CurvePoint> points;
  for (const int64_t step : {0, 5, 10, 20, 30, 40}) {
    points.push_back({step, Formula(4.0, 0.01, 0.1, step)});
  }
  const double clean = Extrapolate(kRun, points)->error_percent;
  points.back().loss *= 1.05;
  REQUIRE(Extrapolate(kRun, points)->error_percent > clean + 1);
}

TEST_CASE("No forecast is made from too little or from a curve that does not fall", "[training]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::vector<CurvePoint>> bad = {
      {},
      {{0, 4.0}},
      {{0, 4.0}, {10, 3.9}},
      {{5, 4.0}, {10, 3.9}, {20, 3.8}},
      {{0, 4.0}, {10, 4.1}, {20, 4.2}},
      {{0, 4.0}, {10, nan}, {20, 3.8}},
      {{0, 0.0}, {10, 3.9}, {20, 3.8}},
  };
  for (const std::vector<CurvePoint>& points : bad) {
    REQUIRE_FALSE(Extrapolate(kRun, points).has_value());
  }
}

TEST_CASE("The accumulated learning rate is the sum of the schedule", "[training]") {
  REQUIRE(AccumulatedLearningRate(kRun, 0) == 0);
  REQUIRE_NEAR(AccumulatedLearningRate(kRun, 2), 1e-3 * (1 + 2) / 20, 1e-12);
  // Warm-up: 10.5 steps' worth; cosine over 180 steps: half of them.
  REQUIRE_NEAR(AccumulatedLearningRate(kRun, 200), 1e-3 * (10.5 + 90.5), 2e-6);
}

TEST_CASE("Evaluations are ascending and end with the run", "[training]") {
  REQUIRE(EvaluationSteps(80, false) == std::vector<int64_t>{10, 20, 30, 40, 50, 60, 70, 80});
  REQUIRE(EvaluationSteps(40, true) == std::vector<int64_t>{5, 10, 20, 30, 40});
  REQUIRE(EvaluationSteps(3, false) == std::vector<int64_t>{1, 2, 3});
  REQUIRE(EvaluationSteps(1, true) == std::vector<int64_t>{1});
}

}  // namespace
}  // namespace kalavai

#include "common/training/loss_curve.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace kalavai {
namespace {

// What sixteen pairs of pilot and whole run showed: docs/formats/training_report.md.
constexpr double kErrorFloorPercent = 3.0;
constexpr int kGridPoints = 400;
constexpr double kGridDecades = 4;  // τ from u_last/10^3 to u_last·10

struct Fit {
  double exponent = 0;
  double scale = 0;
  double residual = 0;  // Σ squared deviations of log L
};

// Least squares of log(L/B) = −b·log(1 + u/τ) over the points after the first.
Fit FitCurve(std::span<const double> u, std::span<const double> log_ratio, double u_largest) {
  Fit best = {.residual = std::numeric_limits<double>::infinity()};
  for (int i = 0; i <= kGridPoints; ++i) {
    const double decade = kGridDecades * i / kGridPoints - (kGridDecades - 1);
    const double scale = u_largest * std::pow(10.0, decade);
    double xx = 0;
    double xy = 0;
    for (size_t k = 0; k < u.size(); ++k) {
      const double x = std::log1p(u[k] / scale);
      xx += x * x;
      xy += x * log_ratio[k];
    }
    const double slope = xy / xx;
    double residual = 0;
    for (size_t k = 0; k < u.size(); ++k) {
      const double deviation = log_ratio[k] - slope * std::log1p(u[k] / scale);
      residual += deviation * deviation;
    }
    if (residual < best.residual) best = {-slope, scale, residual};
  }
  return best;
}

double Predict(const Fit& fit, double u) { return -fit.exponent * std::log1p(u / fit.scale); }

}  // namespace

double AccumulatedLearningRate(const Hyperparameters& hyperparameters, int64_t step) {
  double sum = 0;
  for (int64_t i = 0; i < step; ++i) sum += LearningRate(hyperparameters, i);
  return sum;
}

std::optional<Extrapolation> Extrapolate(const Hyperparameters& hyperparameters,
                                         std::span<const CurvePoint> points) {
  if (points.size() < 3 || points.front().step != 0) return std::nullopt;
  for (const CurvePoint& point : points) {
    if (!std::isfinite(point.loss) || point.loss <= 0) return std::nullopt;
  }
  std::vector<double> u;
  std::vector<double> log_ratio;
  for (const CurvePoint& point : points.subspan(1)) {
    u.push_back(AccumulatedLearningRate(hyperparameters, point.step));
    log_ratio.push_back(std::log(point.loss / points.front().loss));
  }
  const Fit fit = FitCurve(u, log_ratio, u.back());
  if (!std::isfinite(fit.residual) || fit.exponent <= 0) return std::nullopt;

  const double u_end = AccumulatedLearningRate(hyperparameters, hyperparameters.steps);
  const size_t last = u.size() - 1;
  const Fit without_last =
      FitCurve(std::span(u).first(last), std::span(log_ratio).first(last), u[last - 1]);
  const double deviation = std::abs(Predict(without_last, u[last]) - log_ratio[last]);
  const double ahead = std::log(u[last] / u[last - 1]);
  const double distance = std::log(std::max(u_end / u[last], 1.0));
  const double error = deviation * std::max(1.0, ahead > 0 ? distance / ahead : 1.0);
  return Extrapolation{.loss = points.front().loss * std::exp(Predict(fit, u_end)),
                       .error_percent = std::max(kErrorFloorPercent, 100 * std::expm1(error)),
                       .exponent = fit.exponent,
                       .scale = fit.scale};
}

std::vector<int64_t> EvaluationSteps(int64_t steps, bool pilot) {
  const std::vector<int64_t> eighths =
      pilot ? std::vector<int64_t>{1, 2, 4, 6, 8} : std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<int64_t> at;
  for (const int64_t eighth : eighths) {
    const int64_t step = std::max<int64_t>(1, steps * eighth / 8);
    if (at.empty() || step > at.back()) at.push_back(step);
  }
  return at;
}

}  // namespace kalavai

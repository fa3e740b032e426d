// The divergence-gain line: least squares through calibration points, with prediction intervals.
//
// Published: gain = 0.82 * divergence - 2.72 (percent, n = 6, R² 0.856; arXiv 2603.22755 v1). The
// coefficients are data: they are refitted here from the six points behind them, and may be
// refitted with the finished fusions of a cooperative added. On six points the 95 % interval is
// about ±9 percentage points, and the line does not know how many specialists there are: it is the
// weakest of the three predictors and is never shown without interval, data set and n (design §2).
//
//   ASSIGN_OR_RETURN(const Line line, FitLine("published, n = 6", PublishedCalibrationPoints()));
//   const LinePrediction p = PredictGain(line, /*divergence_percent=*/15, /*specialists=*/3);
//
// Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_FORECAST_LINE_H_
#define KALAVAI_COMMON_FORECAST_LINE_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/forecast/estimate.h"

namespace kalavai {

// A fusion that was carried out: what it diverged and what it gained.
struct CalibrationPoint {
  std::string source = {};        // where the figures come from
  int specialists = 0;            // N
  double divergence_percent = 0;  // mean over specialists
  double gain_percent = 0;        // realised, over the best specialist
};

// The six points of the published line, in order of divergence.
const std::vector<CalibrationPoint>& PublishedCalibrationPoints();

// The eight points of the second version's line (0.83 * divergence - 2.80, R² 0.872): the six and
// two more cooperatives of the same base, which share three specialists with one of them.
const std::vector<CalibrationPoint>& PublishedEightPoints();

// "published6" or "published8". InvalidArgument CALIBRATION_UNKNOWN for any other name.
absl::StatusOr<std::vector<CalibrationPoint>> PublishedCalibrationSet(absl::string_view name);

struct Line {
  std::string data_set = {};  // shown with every prediction
  int points = 0;             // n
  double slope = 0;           // percent of gain per percent of divergence, not rounded
  double intercept = 0;       // percent
  double r_squared = 0;
  double residual_deviation = 0;     // sqrt(SSE / (n - 2)), percent
  double divergence_mean = 0;        // percent
  double divergence_square_sum = 0;  // Σ(x - mean)²
  // Outside these it is an extrapolation: what its points have, divergences to the next whole
  // percent. Published: up to 4 specialists, 3 to 26 % (design §2).
  int specialists_min = 0;
  int specialists_max = 0;
  double divergence_min = 0;  // percent
  double divergence_max = 0;  // percent
};

// Ordinary least squares. InvalidArgument CALIBRATION_INVALID: fewer than three points, a figure
// that is not finite, or divergences that are all equal.
absl::StatusOr<Line> FitLine(absl::string_view data_set, std::span<const CalibrationPoint> points);

struct LinePrediction {
  Estimate estimate = {};
  bool in_range = true;
  std::string range_note = {};  // why it is outside the fitted range; empty when it is inside
};

// Prediction interval for a new cooperative: t quantile with n - 2 degrees of freedom times
// s * sqrt(1 + 1/n + (x - mean)² / Σ(x - mean)²). `confidence` in (0, 1).
LinePrediction PredictGain(const Line& line, double divergence_percent, int specialists,
                           double confidence = 0.95);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_LINE_H_

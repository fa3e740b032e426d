#include "common/forecast/line.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <boost/math/distributions/students_t.hpp>

#include "common/base/errors.h"

namespace kalavai {
namespace {

absl::Status Invalid(std::string what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CALIBRATION_INVALID",
                   {.what = std::move(what),
                    .why = "a line with an interval needs three points and two divergences",
                    .fix = "use the published points, or add finished fusions to them"});
}

std::string RangeNote(const Line& line, double divergence_percent, int specialists) {
  if (specialists > line.specialists_max) {
    return absl::StrFormat("%d specialists; the line was fitted on %d to %d", specialists,
                           line.specialists_min, line.specialists_max);
  }
  if (divergence_percent < line.divergence_min || divergence_percent > line.divergence_max ||
      std::isnan(divergence_percent)) {
    return absl::StrFormat("divergence %.2f %%; the line was fitted on %g to %g %%",
                           divergence_percent, line.divergence_min, line.divergence_max);
  }
  return "";
}

void SetRange(std::span<const CalibrationPoint> points, Line& line) {
  line.specialists_min = line.specialists_max = points[0].specialists;
  line.divergence_min = line.divergence_max = points[0].divergence_percent;
  for (const CalibrationPoint& point : points) {
    line.specialists_min = std::min(line.specialists_min, point.specialists);
    line.specialists_max = std::max(line.specialists_max, point.specialists);
    line.divergence_min = std::min(line.divergence_min, point.divergence_percent);
    line.divergence_max = std::max(line.divergence_max, point.divergence_percent);
  }
  line.divergence_min = std::floor(line.divergence_min);
  line.divergence_max = std::ceil(line.divergence_max);
}

}  // namespace

const std::vector<CalibrationPoint>& PublishedCalibrationPoints() {
  static const auto* const points = new std::vector<CalibrationPoint>{
      {"arXiv 2603.22755 v1, Qwen2.5-1.5B, code and fiction", 2, 3.16, 1.06},
      {"arXiv 2603.22755 v1, Pythia-6.9B, code, science and fiction", 3, 8.73, 6.53},
      {"arXiv 2603.22755 v1, Pythia-1B, code, science and fiction", 3, 15.28, 7.49},
      {"arXiv 2603.22755 v1, Pythia-410M, code, science and fiction", 3, 15.65, 7.72},
      {"arXiv 2603.22755 v1, Pythia-410M, medical, legal and patent", 3, 18.52, 10.17},
      {"arXiv 2603.22755 v1, Pythia-410M, tamil, yoruba, welsh and code", 4, 25.65, 21.76},
  };
  return *points;
}

const std::vector<CalibrationPoint>& PublishedEightPoints() {
  static const auto* const points = [] {
    auto* const all = new std::vector<CalibrationPoint>(PublishedCalibrationPoints());
    all->push_back({"arXiv 2603.22755 v2, Pythia-410M, code and science", 2, 10.77, 6.22});
    all->push_back(
        {"arXiv 2603.22755 v2, Pythia-410M, code, science, fiction and legal", 4, 19.84, 14.71});
    return all;
  }();
  return *points;
}

absl::StatusOr<std::vector<CalibrationPoint>> PublishedCalibrationSet(absl::string_view name) {
  if (name == "published6") return PublishedCalibrationPoints();
  if (name == "published8") return PublishedEightPoints();
  return MakeError(absl::StatusCode::kInvalidArgument, "CALIBRATION_UNKNOWN",
                   {.what = absl::StrCat("calibration: '", name.substr(0, 80),
                                         "' found; must be published6 or published8"),
                    .why = "finished fusions (own) are known to a coordinator only",
                    .fix = "choose one of them",
                    .metadata = {{"calibration", std::string(name.substr(0, 80))}}});
}

absl::StatusOr<Line> FitLine(absl::string_view data_set, std::span<const CalibrationPoint> points) {
  if (points.size() < 3) {
    return Invalid(absl::StrFormat("%d calibration points; must be at least 3", points.size()));
  }
  const double n = static_cast<double>(points.size());
  double x_sum = 0;
  double y_sum = 0;
  for (const CalibrationPoint& point : points) {
    if (!std::isfinite(point.divergence_percent) || !std::isfinite(point.gain_percent)) {
      return Invalid(
          absl::StrCat("calibration point '", point.source, "': a figure is not finite; must be"));
    }
    x_sum += point.divergence_percent;
    y_sum += point.gain_percent;
  }
  Line line{.data_set = std::string(data_set), .points = static_cast<int>(points.size())};
  line.divergence_mean = x_sum / n;
  const double y_mean = y_sum / n;
  double xy = 0;
  double yy = 0;
  for (const CalibrationPoint& point : points) {
    const double dx = point.divergence_percent - line.divergence_mean;
    const double dy = point.gain_percent - y_mean;
    line.divergence_square_sum += dx * dx;
    xy += dx * dy;
    yy += dy * dy;
  }
  if (!(line.divergence_square_sum > 1e-12)) {
    return Invalid("calibration points: all divergences are equal; two must differ");
  }
  line.slope = xy / line.divergence_square_sum;
  line.intercept = y_mean - line.slope * line.divergence_mean;
  const double residual = std::max(0.0, yy - line.slope * xy);
  line.r_squared = yy > 0 ? 1 - residual / yy : 1;
  line.residual_deviation = std::sqrt(residual / (n - 2));
  SetRange(points, line);
  return line;
}

LinePrediction PredictGain(const Line& line, double divergence_percent, int specialists,
                           double confidence) {
  const double dx = divergence_percent - line.divergence_mean;
  const double spread = std::sqrt(1 + 1.0 / line.points + dx * dx / line.divergence_square_sum);
  const boost::math::students_t distribution(line.points - 2);
  const double t = boost::math::quantile(distribution, 0.5 + confidence / 2);
  const double half = t * line.residual_deviation * spread;
  const double gain = line.intercept + line.slope * divergence_percent;
  LinePrediction prediction;
  prediction.estimate = {.gain_percent = gain, .interval = {gain - half, gain + half}};
  prediction.range_note = RangeNote(line, divergence_percent, specialists);
  prediction.in_range = prediction.range_note.empty();
  return prediction;
}

}  // namespace kalavai

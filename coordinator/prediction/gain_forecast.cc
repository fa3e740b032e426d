#include "coordinator/prediction/gain_forecast.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/status_macros.h"
#include "common/forecast/coverage.h"
#include "common/forecast/interval.h"
#include "common/forecast/loss_matrix.h"

namespace kalavai::coordinator {
namespace {

// Deviation of one chunk's improvement, as a share of the base loss, where nobody measured it.
constexpr double kChunkDeviationShare = 0.1;

struct Domains {
  std::map<std::string, int> index;
  std::vector<double> base_loss;  // B[d]
};

Domains CollectDomains(const std::vector<MeasurementRow>& measurements) {
  Domains domains;
  std::vector<int> members;
  for (const MeasurementRow& row : measurements) {
    const auto [entry, added] =
        domains.index.emplace(row.domain, static_cast<int>(domains.base_loss.size()));
    if (added) {
      domains.base_loss.push_back(0);
      members.push_back(0);
    }
    const auto d = static_cast<size_t>(entry->second);
    domains.base_loss[d] += row.base_loss;
    ++members[d];
  }
  for (size_t d = 0; d < members.size(); ++d) domains.base_loss[d] /= members[d];
  return domains;
}

double StandardError(const MeasurementRow& row, int64_t chunk_tokens) {
  if (row.improvement_standard_error > 0) return row.improvement_standard_error;
  const auto chunks = static_cast<double>(std::max<int64_t>(1, row.held_out_tokens / chunk_tokens));
  return kChunkDeviationShare * row.base_loss / std::sqrt(chunks);
}

std::vector<MemberExpectation> Expectations(const std::vector<MeasurementRow>& measurements,
                                            const Domains& domains,
                                            const std::vector<double>& improvement) {
  const double base_sum = std::accumulate(domains.base_loss.begin(), domains.base_loss.end(), 0.0);
  const double gain_sum = std::accumulate(improvement.begin(), improvement.end(), 0.0);
  std::vector<MemberExpectation> members;
  for (const MeasurementRow& row : measurements) {
    const auto own = static_cast<size_t>(domains.index.at(row.domain));
    const double base = base_sum - domains.base_loss[own];
    const double gain = gain_sum - improvement[own];
    members.push_back({.contributor = row.contributor,
                       .other_domains_percent = base > 0 ? 100 * gain / base : 0});
  }
  return members;
}

absl::StatusOr<Line> CalibratedLine(const std::vector<CalibrationPoint>& finished) {
  std::vector<CalibrationPoint> points = PublishedCalibrationPoints();
  points.insert(points.end(), finished.begin(), finished.end());
  return FitLine(finished.empty() ? absl::StrCat("published, n = ", points.size())
                                  : absl::StrCat("published and ", finished.size(),
                                                 " finished here, n = ", points.size()),
                 points);
}

}  // namespace

absl::StatusOr<Forecast> ForecastGain(const ForecastInput& input) {
  const Domains domains = CollectDomains(input.measurements);
  std::vector<MemberLosses> losses;
  Forecast forecast;
  for (const MeasurementRow& row : input.measurements) {
    losses.push_back({.domain = domains.index.at(row.domain),
                      .base_loss = row.base_loss,
                      .specialist_loss = row.own_loss,
                      .improvement_standard_error = StandardError(row, input.chunk_tokens)});
    forecast.mean_divergence_percent += DivergencePercent(row.base_loss, row.own_loss) /
                                        static_cast<double>(input.measurements.size());
  }
  ASSIGN_OR_RETURN(const Coverage coverage, EstimateCoverage(losses, domains.base_loss));
  ASSIGN_OR_RETURN(forecast.coverage, CoverageFromStandardErrors(losses, domains.base_loss));
  ASSIGN_OR_RETURN(const Line line, CalibratedLine(input.finished_fusions));
  forecast.line = PredictGain(line, forecast.mean_divergence_percent,
                              static_cast<int>(input.measurements.size()));
  forecast.calibration_points = line.points;
  forecast.oracle = input.oracle;
  forecast.members = Expectations(input.measurements, domains, coverage.domain_improvement);
  ASSIGN_OR_RETURN(
      forecast.decision,
      Decide({.oracle = forecast.oracle, .coverage = forecast.coverage, .line = forecast.line}));
  return forecast;
}

}  // namespace kalavai::coordinator

// Is the fusion worth it? From what members measured at home, with the three predictors of
// common/forecast (design §2): the line, the coverage estimate, and the oracle once a fusion has
// measured the loss matrix. Pure functions on numbers.
#ifndef KALAVAI_COORDINATOR_PREDICTION_GAIN_FORECAST_H_
#define KALAVAI_COORDINATOR_PREDICTION_GAIN_FORECAST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/forecast/estimate.h"
#include "common/forecast/line.h"
#include "common/forecast/verdict.h"
#include "coordinator/prediction/prediction_store.h"

namespace kalavai::coordinator {

struct ForecastInput {
  std::vector<MeasurementRow> measurements;  // at least two
  int64_t chunk_tokens = 256;
  std::vector<CalibrationPoint> finished_fusions = {};  // beside the published six
  std::optional<Estimate> oracle = {};
};

struct MemberExpectation {
  std::string contributor;
  // Expected fall of the mean loss on the domains of the others, percent of the base's; under the
  // coverage estimate's assumption that its own specialist equals the base there.
  double other_domains_percent = 0;
};

struct Forecast {
  Decision decision;
  LinePrediction line;
  Estimate coverage;
  std::optional<Estimate> oracle = {};
  double mean_divergence_percent = 0;
  int calibration_points = 0;
  std::vector<MemberExpectation> members = {};
};

// B[d] is the mean base loss that the members of domain d reported; domains without a measurement
// are left out. Where a member gave no standard error, 10 % of the base loss is taken as the
// deviation of one chunk. Errors: those of EstimateCoverage and FitLine.
absl::StatusOr<Forecast> ForecastGain(const ForecastInput& input);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_PREDICTION_GAIN_FORECAST_H_

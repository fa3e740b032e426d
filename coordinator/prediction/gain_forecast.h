// Is the fusion worth it? From what members measured at home, with the predictors of
// common/forecast (design §2): the line, the coverage estimate, the oracle's formula on members'
// own rows of the loss matrix, and the oracle once a fusion has measured the matrix. Pure functions
// on numbers.
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
#include "common/forecast/what_if.h"
#include "coordinator/prediction/prediction_store.h"

namespace kalavai::coordinator {

struct ForecastInput {
  std::vector<MeasurementRow> measurements;  // at least two
  int64_t chunk_tokens = 256;
  std::vector<CalibrationPoint> finished_fusions = {};
  // Points of the line: "published6", "published8", "own" (the finished ones), "all" (published6
  // and own).
  std::string calibration = "all";
  std::optional<Estimate> oracle = {};
  // The oracle's gain over the base, given where the base is better than every specialist.
  std::optional<double> oracle_over_base_percent = {};
  // What an equal-weight mean counts beside the members' own domains: those with probe text.
  std::vector<std::string> evaluation_domains = {};
  // What the reader must know of where the figures come from; they end the reason.
  std::vector<std::string> notes = {};
};

struct MemberExpectation {
  std::string contributor;
  // Expected fall of the mean loss on the domains of the others, percent of the base's: from the
  // rows, or else under the coverage estimate's assumption that every specialist equals the base
  // outside its own domain.
  double other_domains_percent = 0;
  // The same against its own specialist, from the rows.
  std::optional<double> over_own_percent = {};
  // The estimate `rows`, or else coverage, without this member; nothing when fewer than two would
  // be left.
  std::optional<double> gain_without_percent = {};
};

struct Forecast {
  Decision decision;
  LinePrediction line;
  std::string calibration;  // the line's data set, in words
  Estimate coverage;
  std::optional<Estimate> rows = {};  // when all rows are complete and agree on the base
  std::string rows_note = {};         // why there is no `rows`; "" when there is
  std::optional<Estimate> oracle = {};
  double mean_divergence_percent = 0;
  int calibration_points = 0;
  std::vector<MemberExpectation> members = {};
};

// B[d] is the mean base loss that the members of domain d reported; of an evaluation domain whose
// member has not reported, or has left, what members' rows say, else the mean of the others: nobody
// improves it, and it counts in every mean. Where a member gave no standard error, 10 % of the base
// loss is taken as the deviation of one chunk. `rows` counts the same domains; where a member's row
// lacks its own domain (it may have trained on all of that text), the two losses on its own
// held-out text stand in. Errors: CALIBRATION_UNKNOWN; those of EstimateCoverage and FitLine.
absl::StatusOr<Forecast> ForecastGain(const ForecastInput& input);

// `input` as it would be without some contributors (ids) and with planned ones, and without its
// notes and the oracle, which speaks of the cooperative that was measured. Planned members take the
// tokens and deviations of a small held-out text, and no rows. InvalidArgument
// WHAT_IF_INVALID: a contributor who reported nothing, a domain that is empty or too long, losses
// not above 0 and at most 100. FailedPrecondition NOT_ENOUGH_SPECIALISTS: fewer than two are left.
absl::StatusOr<ForecastInput> AskWhatIf(const ForecastInput& input,
                                        const std::vector<std::string>& without,
                                        const std::vector<PlannedMember>& planned);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_PREDICTION_GAIN_FORECAST_H_

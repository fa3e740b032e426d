// Every figure of a forecast whose loss matrix is known (design §2): what `predict --offline`
// answers.
//
//   ASSIGN_OR_RETURN(const ForecastFile file, ReadForecastFile(text));
//   ASSIGN_OR_RETURN(const Line line, FitLine("published6", PublishedCalibrationPoints()));
//   ASSIGN_OR_RETURN(const MatrixForecast forecast, ForecastMatrix(file, line));
//
// The verdict rests on the oracle. Without the losses of single chunks it has no bootstrap
// interval; kOracleErrorPercent (verdict.h) stands in, and where rows are planned ones, taken for
// the base off their domains, the coverage estimate's own error beside it. Thread-safe: pure
// functions.
#ifndef KALAVAI_COMMON_FORECAST_MATRIX_FORECAST_H_
#define KALAVAI_COMMON_FORECAST_MATRIX_FORECAST_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"

#include "common/forecast/credit.h"
#include "common/forecast/forecast_file.h"
#include "common/forecast/line.h"
#include "common/forecast/loss_matrix.h"
#include "common/forecast/verdict.h"

namespace kalavai {

// Against a fused model that was measured.
struct RealisedGain {
  double equal_weight_loss = 0;  // EW(fused), nats/token
  double gain_percent = 0;       // over the best single specialist
  double router_gap_nats = 0;    // EW(fused) - EW(oracle with the base as a row)
};

struct MatrixForecast {
  Divergence divergence = {};
  std::vector<double> equal_weight_loss = {};  // [1 + N], nats/token, the base first
  BestSpecialist best = {};
  LinePrediction line = {};
  double coverage_gain_percent = 0;
  double oracle_loss = 0;  // EW of the domain oracle, nats/token
  double oracle_gain_percent = 0;
  double oracle_over_base_percent = 0;
  std::optional<RealisedGain> realised = {};
  Credit credit = {};  // nats
  Decision decision = {};
};

// Requires a matrix that ReadForecastFile or ValidateLossMatrix accepted, with at least one
// specialist that has an own domain. A domain without a member counts as one that nobody improves.
// `planned`: how many of its rows are assumptions (ApplyWhatIf). Errors: those of EstimateCoverage.
absl::StatusOr<MatrixForecast> ForecastMatrix(const ForecastFile& file, const Line& line,
                                              int planned = 0);

// What fusing is worth to specialist i's owner on the domains of the others: the fall of the mean
// loss there from its own specialist, and from the base, to the fused model (to the oracle while
// there is none), percent of the former. On its own domain it wins about nothing. Nothing when the
// cooperative has no other domain.
struct MemberValue {
  std::optional<double> over_own_percent = {};
  std::optional<double> over_base_percent = {};
};
std::vector<MemberValue> MemberValues(const ForecastFile& file);  // [N]

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_MATRIX_FORECAST_H_

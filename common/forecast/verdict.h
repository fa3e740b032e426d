// GO, NO_GO or UNSURE: whether a fusion is worth its compute, which predictor says so, and why.
//
// The verdict rests on the best predictor there is: the oracle if a loss matrix was measured here,
// else the same formula on rows that members measured at home (rows.h), else the coverage estimate,
// else the line. Mean errors of oracle, coverage and line on published matrices: 0.9, 1.3 and 3.3
// percentage points (design §2). The rule, with
// kGainWorthPercent = 1:
//
//   GO      lower end of the 95 % interval > 0 and point >= 1 %
//   NO_GO   upper end of the 95 % interval < 1 %
//   UNSURE  everything else, and always when only the line speaks and is outside its fitted range
//
// A best specialist that is worse than the base is no bar: where the base is the better of the two,
// oracle and rows are judged by what they gain over the base.
//
// What is in the intervals: sampling; for the coverage estimate the formula's own error
// (interval.h); for rows and the oracle of a fusion what a gate may lose. Thread-safe: pure
// functions.
#ifndef KALAVAI_COMMON_FORECAST_VERDICT_H_
#define KALAVAI_COMMON_FORECAST_VERDICT_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/forecast/estimate.h"
#include "common/forecast/line.h"

namespace kalavai {

inline constexpr double kGainWorthPercent = 1;

// Half the interval given to an oracle whose single chunks are not known, percentage points: twice
// its mean error on the published matrices (0.27, design §2), about its mean error between two
// samples of 48 chunks a domain (0.46, measured on a real base).
inline constexpr double kOracleErrorPercent = 0.5;

enum class Verdict { kGo, kNoGo, kUnsure };
enum class Predictor { kOracle, kRows, kCoverage, kLine };

absl::string_view VerdictName(Verdict verdict);        // "GO", "NO_GO", "UNSURE"
absl::string_view PredictorName(Predictor predictor);  // "oracle", "rows", …

struct Predictions {
  std::optional<Estimate> oracle = {};
  // The same oracle's gain over the base, where it is known.
  std::optional<double> oracle_over_base_percent = {};
  std::optional<Estimate> rows = {};  // when every member has reported its row
  std::optional<double> rows_over_base_percent = {};
  std::optional<Estimate> coverage = {};
  std::optional<LinePrediction> line = {};
};

struct Decision {
  Verdict verdict = Verdict::kUnsure;
  Predictor predictor = Predictor::kLine;
  Estimate estimate = {};   // what was judged
  std::string reason = {};  // one sentence, for a person
};

// FailedPrecondition MEASUREMENTS_MISSING: none of the predictions is there.
absl::StatusOr<Decision> Decide(const Predictions& predictions);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_VERDICT_H_

#include "common/forecast/verdict.h"

#include <string>

#include "absl/strings/str_format.h"

#include "common/base/errors.h"

namespace kalavai {
namespace {

Verdict Judge(const Estimate& estimate) {
  if (estimate.interval.low > 0 && estimate.gain_percent >= kGainWorthPercent) return Verdict::kGo;
  if (estimate.interval.high < kGainWorthPercent) return Verdict::kNoGo;
  return Verdict::kUnsure;
}

absl::string_view Speaking(Predictor predictor) {
  switch (predictor) {
    case Predictor::kOracle:
      return "the oracle expects";
    case Predictor::kRows:
      return "the members' rows give";
    case Predictor::kCoverage:
      return "the coverage expects";
    case Predictor::kLine:
      return "the line expects";
  }
  return "the line expects";
}

std::string Explain(const Decision& decision, absl::string_view bar) {
  const Estimate& estimate = decision.estimate;
  const std::string figures =
      absl::StrFormat("%s a gain of %.2f %% [%.2f, %.2f] over %s", Speaking(decision.predictor),
                      estimate.gain_percent, estimate.interval.low, estimate.interval.high, bar);
  switch (decision.verdict) {
    case Verdict::kGo:
      return absl::StrFormat("%s: the whole interval is above 0 and the gain is at least %g %%",
                             figures, kGainWorthPercent);
    case Verdict::kNoGo:
      return absl::StrFormat("%s: the whole interval is below %g %%, too little to be worth it",
                             figures, kGainWorthPercent);
    case Verdict::kUnsure:
      return absl::StrFormat("%s: the interval allows both a gain and none worth its cost",
                             figures);
  }
  return figures;
}

}  // namespace

absl::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGo:
      return "GO";
    case Verdict::kNoGo:
      return "NO_GO";
    case Verdict::kUnsure:
      return "UNSURE";
  }
  return "UNSURE";
}

absl::string_view PredictorName(Predictor predictor) {
  switch (predictor) {
    case Predictor::kOracle:
      return "oracle";
    case Predictor::kRows:
      return "rows";
    case Predictor::kCoverage:
      return "coverage";
    case Predictor::kLine:
      return "line";
  }
  return "line";
}

absl::StatusOr<Decision> Decide(const Predictions& predictions) {
  Decision decision;
  std::optional<double> over_base;
  if (predictions.oracle.has_value()) {
    decision.predictor = Predictor::kOracle;
    decision.estimate = *predictions.oracle;
    over_base = predictions.oracle_over_base_percent;
  } else if (predictions.rows.has_value()) {
    decision.predictor = Predictor::kRows;
    decision.estimate = *predictions.rows;
    over_base = predictions.rows_over_base_percent;
  } else if (predictions.coverage.has_value()) {
    decision.predictor = Predictor::kCoverage;
    decision.estimate = *predictions.coverage;
  } else if (predictions.line.has_value()) {
    decision.predictor = Predictor::kLine;
    decision.estimate = predictions.line->estimate;
  } else {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "MEASUREMENTS_MISSING",
        {.what = "predictions: none; must be an oracle, rows, a coverage estimate or a line",
         .why = "nobody has reported a loss yet",
         .fix = "have at least one member run 'kalavai predict' or submit"});
  }
  if (decision.predictor == Predictor::kLine && !predictions.line->in_range) {
    decision.verdict = Verdict::kUnsure;
    decision.reason =
        absl::StrFormat("outside the fitted range of the line: %s", predictions.line->range_note);
    return decision;
  }
  absl::string_view bar = "the best specialist";
  if (over_base.has_value() && *over_base < decision.estimate.gain_percent) {
    bar = "the base, which is better than every specialist";
    const double lower = decision.estimate.gain_percent - *over_base;
    decision.estimate.gain_percent = *over_base;
    decision.estimate.interval.low -= lower;
    decision.estimate.interval.high -= lower;
  }
  decision.verdict = Judge(decision.estimate);
  decision.reason = Explain(decision, bar);
  return decision;
}

}  // namespace kalavai

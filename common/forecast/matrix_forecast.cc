#include "common/forecast/matrix_forecast.h"

#include <cmath>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/base/status_macros.h"
#include "common/forecast/coverage.h"
#include "common/forecast/interval.h"
#include "common/forecast/text_table.h"

namespace kalavai {
namespace {

// A gap beyond this share of the oracle's loss is no rounding of a gate (design §2, collapse, for
// texts long enough that not being told the domain costs less).
constexpr double kCollapseShare = 0.01;
constexpr double kNormalQuantile = 1.96;  // of a 95 % interval, two-sided

absl::StatusOr<Coverage> CoverageOf(const LossMatrix& matrix) {
  std::vector<MemberLosses> members;
  for (size_t i = 0; i < matrix.own_domain.size(); ++i) {
    if (matrix.own_domain[i] == kNoDomain) continue;
    const auto own = static_cast<size_t>(matrix.own_domain[i]);
    members.push_back({.domain = matrix.own_domain[i],
                       .base_loss = matrix.loss[0][own],
                       .specialist_loss = matrix.loss[i + 1][own]});
  }
  return EstimateCoverage(members, matrix.loss[0]);
}

// Half the interval around the oracle, percentage points.
double OracleHalfWidth(const LossMatrix& matrix, const Coverage& coverage, int planned) {
  if (planned == 0) return kOracleErrorPercent;
  double improvement = 0;
  double base = 0;
  for (size_t d = 0; d < coverage.domain_improvement.size(); ++d) {
    improvement += coverage.domain_improvement[d];
    base += matrix.loss[0][d];
  }
  return std::hypot(kOracleErrorPercent,
                    kNormalQuantile * CoverageModelError(100 * improvement / base));
}

// What admission would do to some of them (design §6).
std::string QuarantineNote(const LossMatrix& matrix, const Divergence& divergence) {
  std::string note;
  for (size_t i = 0; i < divergence.specialist_percent.size(); ++i) {
    const std::optional<double>& percent = divergence.specialist_percent[i];
    if (!percent.has_value() || *percent > 0) continue;
    absl::StrAppendFormat(&note, "%s%s (%.2f %%)", note.empty() ? "" : ", ",
                          ShownName(matrix.models[i + 1]), *percent);
  }
  if (note.empty()) return note;
  return absl::StrCat("; would be quarantined, for no gain on the own domain: ", note);
}

std::string RealisedNote(const RealisedGain& realised, double oracle_loss) {
  if (realised.router_gap_nats <= kCollapseShare * oracle_loss) return "";
  return absl::StrFormat(
      "; the fused model realised %.2f %%, %.3f nats/token above the oracle: its router collapsed",
      realised.gain_percent, realised.router_gap_nats);
}

// 100 * (from - to) / from of the means over the domains that are not `own`.
std::optional<double> FallPercent(const std::vector<double>& from, const std::vector<double>& to,
                                  int own) {
  double from_sum = 0;
  double to_sum = 0;
  for (size_t d = 0; d < from.size(); ++d) {
    if (static_cast<int>(d) == own) continue;
    from_sum += from[d];
    to_sum += to[d];
  }
  if (from_sum <= 0) return std::nullopt;
  return 100 * (from_sum - to_sum) / from_sum;
}

}  // namespace

absl::StatusOr<MatrixForecast> ForecastMatrix(const ForecastFile& file, const Line& line,
                                              int planned) {
  const LossMatrix& matrix = file.matrix;
  MatrixForecast forecast{.divergence = ComputeDivergence(matrix),
                          .best = FindBestSpecialist(matrix)};
  for (const std::vector<double>& row : matrix.loss) {
    forecast.equal_weight_loss.push_back(EqualWeightLoss(row));
  }
  forecast.line =
      PredictGain(line, forecast.divergence.mean_percent.value_or(0), matrix.specialists());
  ASSIGN_OR_RETURN(const Coverage coverage, CoverageOf(matrix));
  forecast.coverage_gain_percent = coverage.gain_percent;
  forecast.oracle_loss = ComputeDomainOracle(matrix).equal_weight_loss;
  forecast.oracle_gain_percent = OracleGainPercent(matrix);
  forecast.oracle_over_base_percent =
      GainPercent(forecast.equal_weight_loss[0], forecast.oracle_loss);
  forecast.credit = ComputeCredit(matrix);
  if (file.fused.has_value()) {
    const double fused = EqualWeightLoss(*file.fused);
    forecast.realised = {.equal_weight_loss = fused,
                         .gain_percent = GainPercent(forecast.best.equal_weight_loss, fused),
                         .router_gap_nats = fused - forecast.oracle_loss};
  }
  const double oracle = forecast.oracle_gain_percent;
  const double half = OracleHalfWidth(matrix, coverage, planned);
  ASSIGN_OR_RETURN(forecast.decision,
                   Decide({.oracle = Estimate{.gain_percent = oracle,
                                              .interval = {oracle - half, oracle + half}},
                           .oracle_over_base_percent = forecast.oracle_over_base_percent,
                           .line = forecast.line}));
  if (forecast.realised.has_value()) {
    forecast.decision.reason += RealisedNote(*forecast.realised, forecast.oracle_loss);
  }
  forecast.decision.reason += QuarantineNote(matrix, forecast.divergence);
  if (planned > 0) {
    forecast.decision.reason += "; planned members are taken for the base outside their own domain";
  }
  return forecast;
}

std::vector<MemberValue> MemberValues(const ForecastFile& file) {
  const LossMatrix& matrix = file.matrix;
  const std::vector<double> reached =
      file.fused.has_value() ? *file.fused : ComputeDomainOracle(matrix).loss;
  std::vector<MemberValue> values;
  for (size_t i = 0; i < matrix.own_domain.size(); ++i) {
    const int own = matrix.own_domain[i];
    values.push_back({.over_own_percent = FallPercent(matrix.loss[i + 1], reached, own),
                      .over_base_percent = FallPercent(matrix.loss[0], reached, own)});
  }
  return values;
}

}  // namespace kalavai

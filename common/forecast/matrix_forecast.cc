#include "common/forecast/matrix_forecast.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_format.h"

#include "common/base/status_macros.h"
#include "common/forecast/coverage.h"

namespace kalavai {
namespace {

// A gap beyond this share of the oracle's loss is no rounding of a gate (design §2, collapse, for
// texts long enough that not being told the domain costs less).
constexpr double kCollapseShare = 0.01;

absl::StatusOr<double> CoverageGain(const LossMatrix& matrix) {
  std::vector<MemberLosses> members;
  for (size_t i = 0; i < matrix.own_domain.size(); ++i) {
    if (matrix.own_domain[i] == kNoDomain) continue;
    const auto own = static_cast<size_t>(matrix.own_domain[i]);
    members.push_back({.domain = matrix.own_domain[i],
                       .base_loss = matrix.loss[0][own],
                       .specialist_loss = matrix.loss[i + 1][own]});
  }
  ASSIGN_OR_RETURN(const Coverage coverage, EstimateCoverage(members, matrix.loss[0]));
  return coverage.gain_percent;
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

absl::StatusOr<MatrixForecast> ForecastMatrix(const ForecastFile& file, const Line& line) {
  const LossMatrix& matrix = file.matrix;
  MatrixForecast forecast{.divergence = ComputeDivergence(matrix),
                          .best = FindBestSpecialist(matrix)};
  for (const std::vector<double>& row : matrix.loss) {
    forecast.equal_weight_loss.push_back(EqualWeightLoss(row));
  }
  forecast.line =
      PredictGain(line, forecast.divergence.mean_percent.value_or(0), matrix.specialists());
  ASSIGN_OR_RETURN(forecast.coverage_gain_percent, CoverageGain(matrix));
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
  ASSIGN_OR_RETURN(forecast.decision,
                   Decide({.oracle = Estimate{.gain_percent = oracle,
                                              .interval = {oracle - kOracleErrorPercent,
                                                           oracle + kOracleErrorPercent}},
                           .oracle_over_base_percent = forecast.oracle_over_base_percent,
                           .line = forecast.line}));
  if (forecast.realised.has_value()) {
    forecast.decision.reason += RealisedNote(*forecast.realised, forecast.oracle_loss);
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

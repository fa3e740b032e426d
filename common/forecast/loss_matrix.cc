#include "common/forecast/loss_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"

namespace kalavai {
namespace {

// Below this an oracle "gains nothing" and efficiency would be a ratio of rounding errors.
constexpr double kGainNothingPercent = 1e-9;

absl::Status Invalid(std::string what) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "LOSS_MATRIX_INVALID",
      {.what = std::move(what), .why = "every figure of a forecast is arithmetic on this matrix"});
}

absl::Status ValidateNames(absl::string_view what, const std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (name.empty()) return Invalid(absl::StrCat(what, ": a name is empty; must not be"));
    if (!seen.insert(name).second) {
      return Invalid(absl::StrFormat("%s: '%s' occurs twice; names must be unique", what, name));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateShape(const LossMatrix& matrix) {
  if (matrix.domains.empty()) return Invalid("domains: none; must be at least one");
  if (matrix.models.empty()) return Invalid("models: none; the first must be the base");
  RETURN_IF_ERROR(ValidateNames("domains", matrix.domains));
  RETURN_IF_ERROR(ValidateNames("models", matrix.models));
  if (matrix.own_domain.size() + 1 != matrix.models.size()) {
    return Invalid(absl::StrFormat("own_domain: %d entries; must be %d, one a specialist",
                                   matrix.own_domain.size(), matrix.models.size() - 1));
  }
  if (matrix.loss.size() != matrix.models.size()) {
    return Invalid(absl::StrFormat("loss: %d rows; must be %d, one a model", matrix.loss.size(),
                                   matrix.models.size()));
  }
  const int domains = static_cast<int>(matrix.domains.size());
  for (size_t m = 0; m < matrix.models.size(); ++m) {
    if (matrix.loss[m].size() != matrix.domains.size()) {
      return Invalid(absl::StrFormat("loss of '%s': %d entries; must be %d, one a domain",
                                     matrix.models[m], matrix.loss[m].size(), domains));
    }
    if (m == 0) continue;
    const int own = matrix.own_domain[m - 1];
    if (own != kNoDomain && (own < 0 || own >= domains)) {
      return Invalid(absl::StrFormat("own domain of '%s': index %d; must be in [0, %d)",
                                     matrix.models[m], own, domains));
    }
  }
  return absl::OkStatus();
}

// The row of the smallest entry, lowest on a tie.
int SmallestRow(const LossMatrix& matrix, size_t domain) {
  size_t best = 0;
  for (size_t m = 1; m < matrix.loss.size(); ++m) {
    if (matrix.loss[m][domain] < matrix.loss[best][domain]) best = m;
  }
  return static_cast<int>(best);
}

}  // namespace

absl::Status ValidateLossMatrix(const LossMatrix& matrix) {
  RETURN_IF_ERROR(ValidateShape(matrix));
  std::vector<std::string> missing;
  for (size_t m = 0; m < matrix.models.size(); ++m) {
    for (size_t d = 0; d < matrix.domains.size(); ++d) {
      const double loss = matrix.loss[m][d];
      if (std::isnan(loss)) {
        missing.push_back(absl::StrCat(matrix.models[m], " on ", matrix.domains[d]));
        continue;
      }
      if (!std::isfinite(loss) || loss <= 0) {
        return Invalid(absl::StrFormat("loss of '%s' on '%s': %g; must be a finite number above 0",
                                       matrix.models[m], matrix.domains[d], loss));
      }
    }
  }
  if (missing.empty()) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "EVALUATION_MISSING",
                   {.what = absl::StrFormat("%d of %d losses are missing: %s", missing.size(),
                                            matrix.models.size() * matrix.domains.size(),
                                            absl::StrJoin(missing, ", ")),
                    .why = "the forecast needs every model on every domain",
                    .fix = "evaluate these, or leave the model or the domain out",
                    .metadata = {{"missing", absl::StrJoin(missing, ", ")}}});
}

double EqualWeightLoss(std::span<const double> losses) {
  double sum = 0;
  for (const double loss : losses) sum += loss;
  return sum / static_cast<double>(losses.size());
}

double DivergencePercent(double base_loss, double specialist_loss) {
  return 100 * (base_loss - specialist_loss) / base_loss;
}

Divergence ComputeDivergence(const LossMatrix& matrix) {
  Divergence result;
  double sum = 0;
  int counted = 0;
  for (size_t i = 0; i < matrix.own_domain.size(); ++i) {
    if (matrix.own_domain[i] == kNoDomain) {
      result.specialist_percent.emplace_back(std::nullopt);
      continue;
    }
    const size_t own = static_cast<size_t>(matrix.own_domain[i]);
    const double percent = DivergencePercent(matrix.loss[0][own], matrix.loss[i + 1][own]);
    result.specialist_percent.emplace_back(percent);
    sum += percent;
    ++counted;
  }
  if (counted > 0) result.mean_percent = sum / counted;
  return result;
}

double GainPercent(double best_specialist_loss, double fused_loss) {
  return 100 * (best_specialist_loss - fused_loss) / best_specialist_loss;
}

BestSpecialist FindBestSpecialist(const LossMatrix& matrix) {
  BestSpecialist best{.model = 1, .equal_weight_loss = EqualWeightLoss(matrix.loss[1])};
  for (size_t m = 2; m < matrix.loss.size(); ++m) {
    const double loss = EqualWeightLoss(matrix.loss[m]);
    if (loss < best.equal_weight_loss) {
      best = {.model = static_cast<int>(m), .equal_weight_loss = loss};
    }
  }
  return best;
}

DomainOracle ComputeDomainOracle(const LossMatrix& matrix) {
  DomainOracle oracle;
  for (size_t d = 0; d < matrix.domains.size(); ++d) {
    const int row = SmallestRow(matrix, d);
    oracle.model.push_back(row);
    oracle.loss.push_back(matrix.loss[static_cast<size_t>(row)][d]);
  }
  oracle.equal_weight_loss = EqualWeightLoss(oracle.loss);
  return oracle;
}

double OracleGainPercent(const LossMatrix& matrix) {
  return GainPercent(FindBestSpecialist(matrix).equal_weight_loss,
                     ComputeDomainOracle(matrix).equal_weight_loss);
}

std::optional<double> OracleOverBasePercent(const LossMatrix& matrix) {
  const double base = EqualWeightLoss(matrix.loss[0]);
  if (FindBestSpecialist(matrix).equal_weight_loss <= base) return std::nullopt;
  return GainPercent(base, ComputeDomainOracle(matrix).equal_weight_loss);
}

double GateCostPercent(const LossMatrix& matrix, int64_t tokens_per_text) {
  const double nats =
      std::log(static_cast<double>(matrix.models.size())) / static_cast<double>(tokens_per_text);
  return 100 * nats / FindBestSpecialist(matrix).equal_weight_loss;
}

std::optional<double> RouterEfficiency(double realised_gain_percent, double oracle_gain_percent) {
  if (oracle_gain_percent <= kGainNothingPercent) return std::nullopt;
  return realised_gain_percent / oracle_gain_percent;
}

double CollapseThreshold(double oracle_loss, int experts, int tokens_per_text) {
  return std::max(0.01 * oracle_loss, 2 * std::log(experts) / tokens_per_text);
}

bool IsCollapsed(double fused_loss, double oracle_loss, int experts, int tokens_per_text) {
  return fused_loss - oracle_loss > CollapseThreshold(oracle_loss, experts, tokens_per_text);
}

}  // namespace kalavai

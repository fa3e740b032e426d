// The loss matrix of a cooperative and every figure that is arithmetic on it (design §2).
//
// L[m][d] is the mean next-token cross-entropy (nats/token) of model m on the held-out text of
// domain d, each domain evaluated alone, all with the same batch size (the corrected protocol of
// arXiv 2603.22755). Row 0 is the base; row i + 1 is specialist i.
//
//   LossMatrix matrix = …;
//   RETURN_IF_ERROR(ValidateLossMatrix(matrix));
//   const BestSpecialist best = FindBestSpecialist(matrix);
//   const double gain = GainPercent(best.equal_weight_loss, EqualWeightLoss(fused_losses));
//
// Every function but ValidateLossMatrix requires a valid matrix. Values own their data.
// Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_FORECAST_LOSS_MATRIX_H_
#define KALAVAI_COMMON_FORECAST_LOSS_MATRIX_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace kalavai {

// An entry of LossMatrix::loss that nobody has measured.
inline constexpr double kLossMissing = std::numeric_limits<double>::quiet_NaN();

// LossMatrix::own_domain of a specialist whose domain has no evaluation text here (its owner
// evaluates at home, design §3.6).
inline constexpr int kNoDomain = -1;

struct LossMatrix {
  std::vector<std::string> domains = {};       // D, unique, not empty
  std::vector<std::string> models = {};        // 1 + N, unique; models[0] is the base
  std::vector<std::vector<double>> loss = {};  // [1 + N][D], nats/token, or kLossMissing
  std::vector<int> own_domain = {};            // [N] index into domains, or kNoDomain

  int specialists() const { return static_cast<int>(own_domain.size()); }
};

// InvalidArgument LOSS_MATRIX_INVALID: sizes disagree, a name is empty or double, an own domain
// does not exist, or a loss is infinite or not above 0. FailedPrecondition EVALUATION_MISSING:
// entries are kLossMissing; all of them are listed ("model on domain"), in the metadata as
// `missing`.
absl::Status ValidateLossMatrix(const LossMatrix& matrix);

// EW: mean over domains, every domain with the same weight. `losses` is not empty.
double EqualWeightLoss(std::span<const double> losses);

// 100 * (base - specialist) / base, percent; negative when the specialist is worse.
double DivergencePercent(double base_loss, double specialist_loss);

struct Divergence {
  std::vector<std::optional<double>> specialist_percent = {};  // [N]; none without an own domain
  std::optional<double> mean_percent = {};  // unweighted over those that have one; none if none has
};
Divergence ComputeDivergence(const LossMatrix& matrix);

// 100 * (EW(best specialist) - EW(fused)) / EW(best specialist), percent.
double GainPercent(double best_specialist_loss, double fused_loss);

struct BestSpecialist {
  int model = 0;                 // row of the matrix, >= 1; the lowest on a tie
  double equal_weight_loss = 0;  // nats/token
};
// Requires at least one specialist.
BestSpecialist FindBestSpecialist(const LossMatrix& matrix);

// What one-of-N dispatch with the domain known could reach; the base is a candidate.
struct DomainOracle {
  std::vector<int> model = {};    // [D] row of the best model; the lowest on a tie
  std::vector<double> loss = {};  // [D] nats/token
  double equal_weight_loss = 0;
};
DomainOracle ComputeDomainOracle(const LossMatrix& matrix);

// Gain of the domain oracle over the best single specialist, percent: the forecast once the matrix
// is known. Never below 0: the oracle may always choose the best specialist everywhere.
double OracleGainPercent(const LossMatrix& matrix);

// What the domain oracle gains over the base, percent, where the base is better than every
// specialist: it is the bar then. Nothing elsewhere.
std::optional<double> OracleOverBasePercent(const LossMatrix& matrix);

// What a gate over all models pays for not being told which one to follow, ln(n) nats a text of
// `tokens_per_text` next-token losses (design §3.3), in percent of EW(best specialist).
double GateCostPercent(const LossMatrix& matrix, int64_t tokens_per_text);

// Realised gain / oracle gain; nothing when the oracle gains nothing (<= 1e-9 percent).
std::optional<double> RouterEfficiency(double realised_gain_percent, double oracle_gain_percent);

// A router has collapsed when EW(fused) - EW(oracle) > max(1 % of EW(oracle), 2 ln(n) / T): ln(n)/T
// is what a gate over n experts must pay for not being told the domain of a text of T tokens.
double CollapseThreshold(double oracle_loss, int experts, int tokens_per_text);
bool IsCollapsed(double fused_loss, double oracle_loss, int experts, int tokens_per_text);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_LOSS_MATRIX_H_

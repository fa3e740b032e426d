// An interval around an estimate, and the bootstrap that makes it from probe chunks.
//
// The oracle and the coverage estimate are statistics of mean losses over chunks of probe text; the
// chunks are resampled with replacement inside each domain, the same draw for every model (losses
// of two models on one chunk are strongly correlated, so the draw must be paired), the estimate is
// computed again, and the percentiles of the results are the interval (Efron 1979; design §2).
//
// Neighbouring chunks come from one document and are no independent draws: runs of ⌈n^(1/3)⌉
// chunks are drawn, around the end to the beginning (circular blocks, Politis & Romano 1992). A
// forecast that will be compared with the mean over other text, finite as well, misses it by the
// noise of both: BootstrapOptions::later_share widens the interval for that.
//
// Coverage is a formula on two numbers a member, and wrong by more than sampling: its own
// error, measured on the published loss matrices, is added to the interval (variances add).
//
// Deterministic: the same inputs and seed give the same bits on every platform. Thread-safe: pure
// functions.
#ifndef KALAVAI_COMMON_FORECAST_INTERVAL_H_
#define KALAVAI_COMMON_FORECAST_INTERVAL_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/forecast/coverage.h"
#include "common/forecast/estimate.h"
#include "common/forecast/loss_matrix.h"

namespace kalavai {

// Mean losses of every model on every chunk of probe text.
struct ChunkLosses {
  std::vector<std::string> domains = {};  // D
  std::vector<std::string> models = {};   // 1 + N, base first
  std::vector<int> own_domain = {};       // N, as LossMatrix::own_domain
  // [model][domain][chunk], nats/token; a domain has the same number of chunks for every model.
  std::vector<std::vector<std::vector<double>>> loss = {};
};

// One member's losses per chunk of its own held-out text, for a forecast before any upload.
struct MemberChunkLosses {
  int domain = 0;                            // index into the evaluation domains
  std::vector<double> base_loss = {};        // per chunk, nats/token
  std::vector<double> specialist_loss = {};  // the same chunks
};

// Root mean square error of the formula against the oracle of the same matrix, percentage points
// of gain, for members who together improve on the base by `improvement_percent`
// (100·ΣR_d / ΣB_d): members who change nothing cannot forget either. From 126 leave-one-domain-out
// cooperatives of 23 published conditions, each condition with equal weight
// (docs/benchmarks/2026-11-23-forecast.md).
double CoverageModelError(double improvement_percent);  // 0.43 · sqrt(improvement)

// Standard error of mean(before) - mean(after), one value a chunk in the order of the text: from
// the differences of runs of ⌈n^(1/3)⌉ chunks. 0 for fewer than two runs. Both have the same size.
double PairedStandardError(std::span<const double> before, std::span<const double> after);

struct BootstrapOptions {
  int resamples = 2000;      // at least 100
  double confidence = 0.95;  // two-sided, in (0, 1)
  uint64_t seed = 20260322;
  // Chunks drawn from / chunks of the text that the forecast is compared with later: the distances
  // from the point grow by sqrt(1 + later_share). 0: the interval is of the mean of all such text.
  double later_share = 0;
};

// Returns the loss matrix of the chunks: mean over the chunks of each domain.
// InvalidArgument LOSS_MATRIX_INVALID: sizes disagree, a domain has no chunk, or a loss is not a
// finite number above 0.
absl::StatusOr<LossMatrix> MeanOverChunks(const ChunkLosses& chunks);

// Oracle gain (loss_matrix.h) with its interval. Errors as MeanOverChunks.
absl::StatusOr<Estimate> BootstrapOracle(const ChunkLosses& chunks,
                                         const BootstrapOptions& options = {});

// Coverage estimate (coverage.h) with its interval. `base_loss` is [domain][chunk] over all
// evaluation domains; members' texts and evaluation texts are resampled independently.
absl::StatusOr<Estimate> BootstrapCoverage(std::span<const MemberChunkLosses> members,
                                           const std::vector<std::vector<double>>& base_loss,
                                           const BootstrapOptions& options = {});

// Oracle gain of a matrix of which only means and standard errors are known: improvements on the
// base are drawn from normal distributions around B[d] - L[i][d], base losses are held fixed.
// `standard_error` is [N][D] of those differences, nats/token, 0 where exact. LOSS_MATRIX_INVALID:
// a standard error that is negative or not finite.
absl::StatusOr<Estimate> OracleFromStandardErrors(
    const LossMatrix& matrix, const std::vector<std::vector<double>>& standard_error,
    const BootstrapOptions& options = {});

// The coverage estimate when members report only their two means and a standard error
// (MemberLosses::improvement_standard_error): improvements are drawn from a normal distribution
// around b_i - s_i, never more than b_i; base losses are held fixed.
absl::StatusOr<Estimate> CoverageFromStandardErrors(std::span<const MemberLosses> members,
                                                    std::span<const double> base_loss,
                                                    const BootstrapOptions& options = {});

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_INTERVAL_H_

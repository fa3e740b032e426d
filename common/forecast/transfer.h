// The coverage estimate with what members do to each other's domains, from one number more a
// member.
//
// The plain estimate (coverage.h) takes a specialist for the base outside its own domain. But
// specialists forget, which makes the best single one a lower bar, or help, which makes it a higher
// one: in published results that is most of the estimate's error. With φ_i, the relative change of
// the loss on text that belongs to no member (public text, before any upload), the loss of
// specialist i off its own domain is taken for B[d]·(1 + φ_i). Then, over all D evaluation domains,
//
//   D·EW(best single) = ΣB - M,   M = max_i (b_i - s_i - φ_i·Σ_{d≠d(i)} B[d])
//   D·EW(oracle)      = ΣB - ΣR*, R*_d = max(0, R_d, max_{i: d(i)≠d} -φ_i·B[d])
//   gain              = 100·(ΣR* - M) / (ΣB - M)
//
// φ = 0 for everybody and r_i ≥ 0 give the plain estimate back. Nothing in it is fitted. How it
// does on matrices that it has not seen: docs/benchmarks/2026-11-23-forecast.md.
// Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_FORECAST_TRANSFER_H_
#define KALAVAI_COMMON_FORECAST_TRANSFER_H_

#include <span>

#include "absl/status/statusor.h"

#include "common/forecast/coverage.h"

namespace kalavai {

// φ: (specialist - base) / base on public text, both nats/token; above 0 it forgets, below it
// helps.
double TransferOf(double public_base_loss, double public_own_loss);

// True when every member has a MemberLosses::transfer, and there is at least one.
bool HasTransfer(std::span<const MemberLosses> members);

// Requires HasTransfer. InvalidArgument MEASUREMENT_INVALID: as EstimateCoverage, or a transfer
// that is not a finite number above -1.
absl::StatusOr<double> CoverageWithTransfer(std::span<const MemberLosses> members,
                                            std::span<const double> base_loss);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_TRANSFER_H_

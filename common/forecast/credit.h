// Who contributed how much: the exact Shapley value of the max game (design §2).
//
// The game: a coalition S of specialists is worth v(S) = mean_d max(0, max_{i in S} (B[d] -
// L[i][d])), what the domain oracle over S and the base gains over the base, in nats/token. v is a
// mean of airport games (Littlechild & Owen 1973), so per domain the improvements are sorted and
// every increment is shared equally by those who reach it: O(D N log N), exact, no sampling. The
// values are never negative and sum to v(all).
//
// Leave-one-out, v(all) - v(all without i), is reported beside it: it gives nothing to two members
// who cover the same ground. Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_FORECAST_CREDIT_H_
#define KALAVAI_COMMON_FORECAST_CREDIT_H_

#include <span>
#include <vector>

#include "common/forecast/loss_matrix.h"

namespace kalavai {

enum class CreditUnit {
  kNats,           // B[d] - L[i][d], nats/token: dominated by the domain with the worst base
  kPercentOfBase,  // 100 * (B[d] - L[i][d]) / B[d]: every domain counts by its relative gain
};

struct Credit {
  std::vector<double> shapley = {};        // [N], in the unit; sums to total
  std::vector<double> leave_one_out = {};  // [N], in the unit
  double total = 0;                        // v(all)
};

// Requires a valid matrix (ValidateLossMatrix).
Credit ComputeCredit(const LossMatrix& matrix, CreditUnit unit = CreditUnit::kNats);

// v(S) for a coalition given as specialist indices; the definition, for audits of the closed form.
double CoalitionValue(const LossMatrix& matrix, std::span<const int> coalition,
                      CreditUnit unit = CreditUnit::kNats);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_CREDIT_H_

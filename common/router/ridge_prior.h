// The prior in closed form: ridge regression of "which expert" on whitened summaries (design
// §3.4(i)).
//
// Classes weigh the same, however much text they have. From the mean statistics over the classes:
// centring (μ = Σ S / Σ W), standardising, projection on the K directions of largest correlation
// (subspace iteration) and whitening give the transform A; the ridge solution over the same
// statistics, one-hot targets, free intercept, gives W and b; a temperature scales both, chosen by
// the filter's loss on probe text (router_training.h). The direction of the features is found only
// from statistics, so that a member without probe text has the same say. Deterministic, no random
// numbers. Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_ROUTER_RIDGE_PRIOR_H_
#define KALAVAI_COMMON_ROUTER_RIDGE_PRIOR_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "common/router/member_statistics.h"
#include "common/router/router_parameters.h"

namespace kalavai {

struct RidgeClass {
  const ClassStatistics* statistics = nullptr;  // not owned
  int expert = 0;                               // who should speak on such text
};

struct RidgeOptions {
  int features_max = 96;  // K is the smaller of this and D
  double ridge = 0.01;    // of the whitened features' variance; with noised statistics at least 0.1
  double temperature = 10;  // logits = temperature * scores
  double half_life = kGateHalfLifeTokens;
  double shrinkage = kGateShrinkage;
};

// InvalidArgument MEMBER_STATISTICS_INVALID (as ValidateStatistics, or no class at all, or an
// expert outside [0, experts)); FailedPrecondition ROUTER_INVALID: the covariance cannot be
// factored.
absl::StatusOr<RouterParameters> SolveRidge(std::span<const RidgeClass> classes, int experts,
                                            const RidgeOptions& options = {});

// The same router with its scores scaled from temperature `from` to `to`.
RouterParameters WithTemperature(RouterParameters parameters, double from, double to);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_RIDGE_PRIOR_H_

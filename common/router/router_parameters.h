// Everything a router is: what is written to the router file, and the prior it computes.
//
// The prior r(t) = (1 - η) softmax(W z_t + b) + η/n over the experts that are allowed, or uniform
// over them (design §3.3). A denied expert is masked with -infinity before the softmax, and n
// counts the allowed ones: a uniform router with a denied expert is bit for bit the router built
// without it. Values own their data. Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_ROUTER_ROUTER_PARAMETERS_H_
#define KALAVAI_COMMON_ROUTER_ROUTER_PARAMETERS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "common/router/gate_features.h"

namespace kalavai {

inline constexpr double kGateAlpha = 0.003;  // how often a text changes its subject, by default
inline constexpr double kGateEta = 0.05;     // share of the prior that is always uniform

// Which step of the ladder the prior comes from; each is the fallback of the one before.
enum class RouterRung {
  kTrained = 0,  // 500 AdamW steps from the ridge solution
  kRidge = 1,    // closed form from additive statistics
  kUniform = 2,  // no features, alpha 0.003
};
absl::string_view RouterRungName(RouterRung rung);  // "trained", "ridge", "uniform"

// How the weights w of the gate become the distribution of the next token (design §3.5). The gate
// itself is one and the same: it weighs the experts by p_i of what was read, is trained on
// -log Σ w_i p_i, and its bound (switching_gate.h) is the probability mixture's alone.
enum class Mixture {
  kProbability = 0,  // p(x) = Σ_i w_i p_i(x)
  kLogit = 1,        // p(x) ∝ exp Σ_i w_i l_i(x), the paper's (common/model/logit_mixture.h)
};
absl::string_view MixtureName(Mixture mixture);   // "probability", "logit"
Mixture MixtureFromName(absl::string_view name);  // of a name that MixtureName gave

struct RouterParameters {
  int experts = 0;  // n, the base first
  Mixture mixture = Mixture::kProbability;
  RouterRung rung = RouterRung::kUniform;
  double alpha = kGateAlpha;
  double eta = kGateEta;
  double half_life = kGateHalfLifeTokens;
  double shrinkage = kGateShrinkage;
  // Empty when the rung is kUniform.
  FeatureTransform transform = {};
  std::vector<double> weight = {};  // W [n][K]
  std::vector<double> bias = {};    // b [n]
};

// A router that needs no text and no training.
RouterParameters UniformRouter(int experts);

// InvalidArgument ROUTER_INVALID: fewer than two experts, sizes that disagree, a number that is not
// finite, alpha outside [0, 1], eta outside (0, 1], half-life or shrinkage not above 0.
absl::Status ValidateRouter(const RouterParameters& parameters);

// Writes r [n] for features z [K] (ignored, may be empty, when the rung is kUniform). allowed[i] ==
// 0 masks expert i; at least one must be allowed. r sums to 1 and is 0 where masked.
void ComputePrior(const RouterParameters& parameters, std::span<const double> features,
                  std::span<const uint8_t> allowed, std::span<double> prior);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_ROUTER_PARAMETERS_H_

// The gate: a Bayesian filter over which expert is speaking (design §3.3).
//
// Fixed share (Herbster & Warmuth 1998), a hidden Markov model whose states are the experts:
//
//   p(x_t)   = Σ_i w_i(t) p_i(x_t)                      what is sampled from, and the loss
//   v_i      = w_i(t) p_i(x_t) / p(x_t)                 after reading x_t
//   w_i(t+1) = (1 - α) v_i + α r_i(t+1),  w(0) = r(0)   r depends on x_0 … x_(t-1) only
//
// Bound, for uniform r, 0 < α < 1 and any text of T tokens and sequence of experts with K switches:
// loss ≤ that sequence's + ln n + K ln(n/α) + (T-1-K) ln(1/(1-α)) nats; with a learned r ln(n/η)
// and ln(n/(αη)) instead. α = 0: the best single expert's + ln n. It is the bound of this mixture
// of probabilities; nothing of the kind holds where the weights mix logits (Mixture::kLogit).
//
// Serving, for each token:
//
//   RouterSession session(parameters);
//   session.SetAllowed(allowed);                          // deny lists, the audition's chosen set
//   … p = Σ session.Weights()[i] * p_i …, sample x
//   RETURN_IF_ERROR(session.Read(log_p_of_x, hidden_after_x));
//
// Weights are kept as logarithms: an expert that fell behind by thousands of nats still has its
// weight. Not thread-safe; one object per generation.
#ifndef KALAVAI_COMMON_ROUTER_SWITCHING_GATE_H_
#define KALAVAI_COMMON_ROUTER_SWITCHING_GATE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/router/gate_features.h"
#include "common/router/router_parameters.h"

namespace kalavai {

class SwitchingGate {
 public:
  // Starts with w = `prior` [n], which sums to 1 and is 0 for experts that may not speak.
  // 0 <= alpha <= 1.
  SwitchingGate(double alpha, std::span<const double> prior);

  // w(t) [n], sums to 1 up to rounding.
  std::span<const double> Weights() const { return weights_; }
  int experts() const { return static_cast<int>(weights_.size()); }

  // log Σ_i w_i exp(log_p[i]) over the experts with weight; -infinity if none allows the token.
  // log_p [n]; entries of experts without weight are not read.
  double MixLogProb(std::span<const float> log_p) const;

  // Reads x_t: turns w into the posterior v and returns log p(x_t). If every expert excludes the
  // token (all -infinity), w stays. InvalidArgument MEASUREMENT_INVALID: log_p of an expert that
  // has weight is NaN or +infinity; w is unchanged then.
  absl::StatusOr<double> Observe(std::span<const float> log_p);

  // Lets time pass: w = (1 - alpha) v + alpha prior. `prior` as in the constructor. Call once after
  // each Observe.
  void Advance(std::span<const double> prior);

  // Changes who may speak: weights of experts whose prior is 0 are dropped, an expert that had no
  // weight and has a prior enters with it, and the rest is scaled to sum to 1.
  void Restrict(std::span<const double> prior);

 private:
  void Normalise();

  double alpha_;
  std::vector<double> log_weights_;
  std::vector<double> weights_;
};

// A gate with its features and prior: all that serving needs. Not thread-safe. `parameters` (valid)
// must outlive it.
class RouterSession {
 public:
  explicit RouterSession(const RouterParameters& parameters);

  // Restricts the experts to those with allowed[i] != 0 [n]; at least one. May be called at any
  // time.
  void SetAllowed(std::span<const uint8_t> allowed);

  std::span<const double> Weights() const { return gate_.Weights(); }  // [n]
  std::span<const double> Prior() const { return prior_; }             // r(t) [n]
  double MixLogProb(std::span<const float> log_p) const { return gate_.MixLogProb(log_p); }

  // Reads a token: log_p [n] of it under each expert, and the base's state after it [D] (may be
  // empty when the rung is kUniform, or when no state is at hand: the features then stay as they
  // are). Returns log p of the mixture. Errors as SwitchingGate::Observe.
  absl::StatusOr<double> Read(std::span<const float> log_p, std::span<const float> hidden);

  // The same with the state as ProjectStates gives it [K]; empty when the rung is kUniform.
  absl::StatusOr<double> ReadProjected(std::span<const float> log_p,
                                       std::span<const float> projected);

  // Only moves the features and the prior, for text whose probabilities were not computed: the
  // cheap pass that decides whether a new audition is due. The weights stay.
  void ReadStateOnly(std::span<const float> hidden);

 private:
  void UpdatePrior();

  const RouterParameters* parameters_;
  std::vector<uint8_t> allowed_;
  std::vector<double> prior_;
  GateFeatures features_;
  SwitchingGate gate_;
  int64_t rows_read_ = 0;  // 0: the gate still is the prior
};

// The smallest set of experts, heaviest first, whose weights reach `mass`; at most `most` of them
// (design §4, audition: mass 0.95, most 2). Never empty; the lower index first on a tie.
std::vector<int> SmallestSet(std::span<const double> weights, double mass, int most);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_SWITCHING_GATE_H_

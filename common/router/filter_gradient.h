// Loss of the gate on one text and its exact gradient, by the forward-backward recursion.
//
// With c_j(t) the smoothed posterior that the state at t was redrawn and landed on j (t = 0 always
// is a redraw), ∂(-Σ log p)/∂r_j(t) = -c_j(t) / r_j(t), and ∂/∂logit(α) = Σ_(t>=1) (α - Σ_j c_j(t))
// (design §3.4(ii)); r = (1 - η) softmax(logits) + η/n is taken through the chain rule. Linear
// space with per-row scaling: safe because w_i >= αη/n. Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_ROUTER_FILTER_GRADIENT_H_
#define KALAVAI_COMMON_ROUTER_FILTER_GRADIENT_H_

#include <span>
#include <vector>

namespace kalavai {

struct FilterGradient {
  double loss = 0;                  // -Σ_t log p(y_t), nats
  std::vector<double> logits = {};  // ∂loss/∂logit_j(t) [T][n]
  double alpha_logit = 0;           // ∂loss/∂log(α/(1-α))
};

// log_prob [T][n] (finite or -infinity, not all -infinity in a row), logits [T][n] of the softmax,
// 0 < alpha < 1, 0 < eta <= 1. Writes into `gradient`, whose memory is reused.
void ComputeFilterGradient(std::span<const float> log_prob, std::span<const double> logits,
                           int experts, double alpha, double eta, FilterGradient& gradient);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_FILTER_GRADIENT_H_

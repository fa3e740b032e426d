// Loss of the gate on one text and its exact gradient, by the forward-backward recursion.
//
// With c_j(t) the smoothed posterior that the state at t was redrawn and landed on j (t = 0 always
// is a redraw), ∂(-Σ log p)/∂r_j(t) = -c_j(t) / r_j(t), and ∂/∂logit(α) = Σ_(t>=1) (α - Σ_j c_j(t))
// (design §3.4(ii)); r = (1 - η) softmax(logits) + η/n is taken through the chain rule. Linear
// space with per-row scaling: safe because w_i >= αη/n. Not thread-safe: an object holds the memory
// of its last text, so that no step allocates.
#ifndef KALAVAI_COMMON_ROUTER_FILTER_GRADIENT_H_
#define KALAVAI_COMMON_ROUTER_FILTER_GRADIENT_H_

#include <cstddef>
#include <span>
#include <vector>

namespace kalavai {

// What the experts say of the tokens of a text, relative to the best of them: it does not change
// while a gate learns, and exponentials are most of what a step would spend on it. Rows written by
// several threads must be different ones.
class Likelihoods {
 public:
  // Room for `rows` rows of n experts; what was there is lost.
  void Resize(size_t rows, size_t experts);
  // Sets the rows from `row` on. log_prob [T][n]: finite or -infinity, not all -infinity in a row.
  void Set(size_t row, std::span<const float> log_prob);
  void Copy(const Likelihoods& from, size_t from_row, size_t row);

  size_t rows() const { return best_.size(); }
  // max_i log p_i(y_t), nats.
  double Best(size_t row) const { return best_[row]; }
  // p_i(y_t) / max_j p_j(y_t), in [0, 1] [n].
  const double* Relative(size_t row) const { return &relative_[row * experts_]; }

 private:
  size_t experts_ = 0;
  std::vector<double> best_ = {};      // [T]
  std::vector<double> relative_ = {};  // [T][n]
};

class FilterGradient {
 public:
  // 0 < eta <= 1.
  FilterGradient(int experts, double eta);

  // -Σ_t log p(y_t), nats. logits [T][n] of the softmax, 0 < alpha < 1.
  double Forward(const Likelihoods& likelihoods, std::span<const double> logits, double alpha);
  // From log_prob [T][n] as Likelihoods::Set takes them.
  double Forward(std::span<const float> log_prob, std::span<const double> logits, double alpha);

  // Gradients of what the last Forward returned.
  void Backward();
  std::span<const double> Logits() const { return logit_gradient_; }  // ∂/∂logit_j(t) [T][n]
  double AlphaLogit() const { return alpha_gradient_; }               // ∂/∂log(α/(1-α))

 private:
  size_t experts_;
  double eta_;
  double alpha_ = 0.5;
  std::vector<double> softmax_ = {};     // s [T][n]
  std::vector<double> likelihood_ = {};  // p_i(y_t) / p(y_t) [T][n]
  std::vector<double> weights_ = {};     // w [n]
  std::vector<double> smoothing_ = {};   // β [n]
  std::vector<double> logit_gradient_ = {};
  double alpha_gradient_ = 0;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_FILTER_GRADIENT_H_

// The gate's feature: a causal summary of the base's hidden states (design §3.3).
//
// After states h_0 … h_(t-1) (see probe_data.h: row t has read t of them), with λ =
// 2^(-1/half-life),
//
//   S_t = Σ_s λ^(t-1-s) h_s,   W_t = Σ_s λ^(t-1-s),   summary y_t = (S_t, W_t) / (W_t + 8)
//
// a forgetting mean that is shrunk towards nothing while little has been read (a plain prefix mean
// never notices a change of topic; a single token is too little). y_t has D + 1 numbers; the last
// says how much was read, which makes centring, sum of λ^… (h_s - μ) = S - W μ, a linear map of y.
// So standardising and whitening are one matrix A [K, D + 1], z_t = A y_t, and statistics of y are
// enough to find it (ridge_prior.h): members without probe text need no earlier round of shared
// means. z_0 = 0.
//
// Batch and streaming forms run the same arithmetic in the same order: the numbers are identical.
#ifndef KALAVAI_COMMON_ROUTER_GATE_FEATURES_H_
#define KALAVAI_COMMON_ROUTER_GATE_FEATURES_H_

#include <cstdint>
#include <span>
#include <vector>

namespace kalavai {

inline constexpr double kGateHalfLifeTokens = 24;
inline constexpr double kGateShrinkage = 8;  // tokens

// A running forgetting mean of vectors of one width. Not thread-safe; copyable, so that a state can
// be kept and gone back to.
class ForgettingMean {
 public:
  explicit ForgettingMean(int width, double half_life = kGateHalfLifeTokens,
                          double shrinkage = kGateShrinkage);

  // Reads the next vector [width].
  void Push(std::span<const float> vector);
  // Writes S / (W + shrinkage) [width]; zeros before the first Push.
  void Mean(std::span<double> out) const;
  // W / (W + shrinkage), in [0, 1).
  double Fill() const { return weight_ / (weight_ + shrinkage_); }

 private:
  double decay_;
  double shrinkage_;
  double weight_ = 0;
  std::vector<double> sum_;
};

// A: from summaries to whitened features.
struct FeatureTransform {
  int width = 0;                    // D, of the hidden state
  int features = 0;                 // K
  std::vector<double> matrix = {};  // [K][D + 1]
};

// p = A (h, 1), rounded to float: what the forgetting mean of features is taken of. A row with a
// denormal or overflowing result is the caller's fault; hidden is [D], out is [K].
void ProjectState(const FeatureTransform& transform, std::span<const float> hidden,
                  std::span<float> out);

// The same of every state of a text, hidden [T][D], several at a time: out [T][K].
void ProjectStates(const FeatureTransform& transform, std::span<const float> hidden,
                   std::span<float> out);

// Streaming form for serving: Push each state once it is read, Features are z for the next token.
// Not thread-safe. Copies keep a state. `transform` must outlive it.
class GateFeatures {
 public:
  GateFeatures(const FeatureTransform& transform, double half_life, double shrinkage);

  void Push(std::span<const float> hidden);                // [D]
  void PushProjected(std::span<const float> projected);    // [K], from ProjectStates
  std::span<const double> Features() const { return z_; }  // [K]

 private:
  const FeatureTransform* transform_;
  ForgettingMean mean_;
  std::vector<float> projected_;
  std::vector<double> z_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_GATE_FEATURES_H_

// The published gate (arXiv 2603.22755): for reproduction only, never served (design §3.5).
//
// One weight vector a text, g = softmax(W h), where h is the mean over specialists and over ALL
// positions of the final hidden state, and logits are mixed: softmax(Σ g_i l_i). h has read the
// text that the gate then weighs the prediction of: such a model scores texts and cannot write any.
// There is no base among its experts. Its settings are 500 AdamW steps of 4 texts, learning rate
// 1e-3, weight decay 0.01, no schedule.
//
// It may be kept in a file beside routers; whoever reads a router from that file gets
// FAILED_PRECONDITION ROUTER_REFERENCE_ONLY (router_file.h).
//
//   const std::vector<double> g = gate.Weights(mean_hidden);
//   gradient += gate.Gradient(mean_hidden, slope);       // slope_i = ∂loss/∂g_i
//
// Values own their data. Thread-safe: const functions.
#ifndef KALAVAI_COMMON_ROUTER_REFERENCE_GATE_H_
#define KALAVAI_COMMON_ROUTER_REFERENCE_GATE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "common/router/router_file.h"

namespace kalavai {

inline constexpr int kReferenceSteps = 500;
inline constexpr int kReferenceBatch = 4;
inline constexpr double kReferenceLearningRate = 1e-3;
inline constexpr double kReferenceWeightDecay = 0.01;

class ReferenceGate {
 public:
  // Weights uniform in ± 1/√width, as torch.nn.Linear draws them. At least two specialists.
  ReferenceGate(int specialists, int width, uint64_t seed);

  // g [specialists] from h [width]; sums to 1.
  std::vector<double> Weights(std::span<const double> mean_hidden) const;
  // ∂loss/∂W [specialists][width] from ∂loss/∂g [specialists].
  std::vector<double> Gradient(std::span<const double> mean_hidden,
                               std::span<const double> slope) const;
  // One AdamW step, betas 0.9 and 0.999, with a batch's mean gradient.
  void Step(std::span<const double> gradient);

  int specialists() const { return specialists_; }
  int width() const { return width_; }

  // "reference.scalars" [3] = format version (1), specialists, width; "reference.weight".
  std::vector<NamedArray> ToTensors() const;
  // INVALID_ARGUMENT ROUTER_INVALID: an array is missing, unknown, of another shape or not finite.
  static absl::StatusOr<ReferenceGate> FromTensors(std::span<const NamedArray> arrays);

 private:
  ReferenceGate() = default;

  int specialists_ = 0;
  int width_ = 0;
  int step_ = 0;
  std::vector<double> weight_;
  std::vector<double> first_;
  std::vector<double> second_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_REFERENCE_GATE_H_

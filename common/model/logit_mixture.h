// The mixture of logits, the paper's (design §3.5): p(v) = softmax_v(Σ_i w_i l_i(v)).
//
//   const at::Tensor stacked_RnV = StackLogProbs(log_probs_RV);           // once for some rows
//   const at::Tensor mixed_RV = MixLogits(stacked_RnV, weights_Rn);       // for each set of
//   weights
//
// Log-probabilities stand for logits: they differ from them by a constant an expert, which Σ_i w_i
// turns into a constant a row, and a softmax does not see that. Weights sum to 1. One expert with
// all the weight is that expert.
//
// The mixture is a product of experts, p(v) ∝ Π_i p_i(v)^w_i: one of them can all but forbid a
// token at any weight above 0, where a mixture of probabilities loses at most -ln(1 - w). So that
// no product is 0 times infinity, a log-probability is taken to be at least kLogProbFloor.
//
// Each expert's log-probabilities are float32; sums and normalisation run in float64. Shapes: R
// rows, n experts, V vocabulary; all on one device. Thread-safe: pure functions. Errors: LibTorch's
// exceptions; callers wrap them (torch.h).
#ifndef KALAVAI_COMMON_MODEL_LOGIT_MIXTURE_H_
#define KALAVAI_COMMON_MODEL_LOGIT_MIXTURE_H_

#include <vector>

#include "common/model/torch.h"

namespace kalavai {

inline constexpr double kLogProbFloor = -1e30;  // as good as impossible, and a number

// float64 [R, n, V] of n tensors [R, V].
at::Tensor StackLogProbs(const std::vector<at::Tensor>& log_probs_RV);

// float64 [R, V]: log-probabilities of the mixture. weights_Rn: float64, rows sum to 1.
at::Tensor MixLogits(const at::Tensor& log_probs_RnV, const at::Tensor& weights_Rn);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_LOGIT_MIXTURE_H_

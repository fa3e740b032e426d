#include "common/model/logit_mixture.h"

namespace kalavai {

at::Tensor StackLogProbs(const std::vector<at::Tensor>& log_probs_RV) {
  return at::stack(log_probs_RV, 1).to(at::kDouble).clamp_min_(kLogProbFloor);
}

at::Tensor MixLogits(const at::Tensor& log_probs_RnV, const at::Tensor& weights_Rn) {
  return at::bmm(weights_Rn.unsqueeze(1), log_probs_RnV).squeeze(1).log_softmax(1);
}

}  // namespace kalavai

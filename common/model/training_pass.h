// Forward and backward over one micro-batch: adds to the gradients of a model's weights.
//
//   GradientSum sum;
//   for (each micro-batch) RETURN_IF_ERROR(AddGradients(model, tokens_BT, options, sum));
//   RETURN_IF_ERROR(FinishGradients(model, sum));   // every weight's .grad() is set
//
// The loss is Σ −log p over all predictions of the micro-batch, times options.scale. Logits are
// never held for a whole batch: their gradient is written by hand for a block of positions at a
// time, ∂loss/∂logits = (softmax − onehot(target)) · scale, as are the embedding's. Weights that
// train are those that require a gradient; blocks below the first such one record no graph.
//
// Activation checkpointing (Chen et al. 2016): only the stream between blocks is kept on the way
// there, and each block runs again on the way back: a third more work, and of all that the blocks
// keep (common/model/model_cost.h) one block's share at a time.
//
// Bit-repeatable for a thread count. Threads: one at a time for a model. Errors: INVALID_ARGUMENT
// TOKEN_OUT_OF_RANGE, CONTEXT_EXCEEDED; LibTorch's exceptions (callers are inside CatchTorch).
#ifndef KALAVAI_COMMON_MODEL_TRAINING_PASS_H_
#define KALAVAI_COMMON_MODEL_TRAINING_PASS_H_

#include "absl/status/status.h"

#include "common/model/transformer.h"

namespace kalavai {

struct TrainingPassOptions {
  double scale = 1.0;
  bool activation_checkpointing = false;
};

// What is summed outside the weights' own gradients, in float32; a tied matrix has one sum.
struct GradientSum {
  double loss = 0;  // nats, over all predictions, without `scale`
  at::Tensor embed_in_VD, embed_out_VD;
};

absl::Status AddGradients(const Transformer& model, const at::Tensor& tokens_BT,
                          const TrainingPassOptions& options, GradientSum& sum);

// Hands the sums to the embedding's and the head's .grad().
void FinishGradients(const Transformer& model, GradientSum& sum);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_TRAINING_PASS_H_

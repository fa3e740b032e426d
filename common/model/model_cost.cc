#include "common/model/model_cost.h"

#include <algorithm>

namespace kalavai {
namespace {

constexpr int64_t kHeadRows = 512;  // common/model/training_pass.cc

}  // namespace

TrainingEstimate EstimateTraining(const ModelConfig& c, const TrainingShape& shape) {
  const int64_t all = c.ParameterCount();
  const int64_t trained = all - c.FrozenParameterCount(shape.freeze_depth);
  const int64_t master = shape.pure ? 2 : 4;
  const int64_t compute = shape.pure || shape.mixed ? 2 : 4;
  const int64_t tokens = shape.batch * shape.chunk_length;

  TrainingEstimate e;
  e.weight_bytes = all * master;
  e.gradient_bytes = trained * master;
  e.optimizer_bytes = 2 * trained * master;
  // Kept per token and trained block (common/model/layers.h): the stream before each of its parts,
  // in the master's type, and in the compute type the fused projection, the attention's output and
  // the feed-forward part before its activation (gate and up with SwiGLU). Checkpointing keeps the
  // stream between blocks, and the rest for one block at a time.
  const int64_t between = c.hidden_size * master;
  const int64_t fused = 2 * c.query_size() + 2 * c.key_value_size();
  const int64_t inner = (c.gated_feed_forward() ? 2 : 1) * c.intermediate_size;
  const int64_t within = (c.parallel_residual ? 0 : between) + (fused + inner) * compute;
  const int64_t trained_blocks = c.layer_count - shape.freeze_depth;
  const int64_t blocks_within = shape.activation_checkpointing ? 1 : trained_blocks;
  // Of the head: the logits of one block of positions, and the matrix in the compute type.
  const int64_t logits = std::min<int64_t>(tokens, kHeadRows) * c.vocab_size * compute;
  const int64_t head = compute == master ? 0 : c.vocab_size * c.hidden_size * compute;
  e.activation_bytes = tokens * (trained_blocks * between + blocks_within * within) + logits + head;
  e.memory_bytes = e.weight_bytes + e.gradient_bytes + e.optimizer_bytes + e.activation_bytes;
  e.training_state_bytes = 2 * (all * master + e.optimizer_bytes);

  // 2 operations a weight forward, 2 for the gradient of the input, 2 for that of the weight; the
  // embedding is a lookup; causal attention costs 2 · T/2 · H S for scores and again for values.
  const double block_weights = static_cast<double>(c.BlockParameterCount());
  const double head_weights = static_cast<double>(c.vocab_size * c.hidden_size);
  const double attention = 2.0 * static_cast<double>(shape.chunk_length * c.query_size());
  const double forward =
      static_cast<double>(c.layer_count) * (2.0 * block_weights + attention) + 2.0 * head_weights;
  const double backward =
      static_cast<double>(trained_blocks) * (4.0 * block_weights + 2.0 * attention) +
      4.0 * head_weights;
  const double again = shape.activation_checkpointing
                           ? static_cast<double>(trained_blocks) * (2.0 * block_weights + attention)
                           : 0.0;
  e.flops_per_token = forward + backward + again;
  return e;
}

ServingEstimate EstimateServing(const ModelConfig& c, WeightType type, int64_t batch,
                                int64_t tokens) {
  return {.weight_bytes = c.ParameterCount() * BytesOf(type),
          .cache_bytes = 2 * c.layer_count * batch * tokens * c.key_value_size() * BytesOf(type)};
}

}  // namespace kalavai

#include "common/model/model_cost.h"

namespace kalavai {

TrainingEstimate EstimateTraining(const ModelConfig& c, const TrainingShape& shape) {
  const int64_t all = c.ParameterCount();
  const int64_t trained = all - c.FrozenParameterCount(shape.freeze_depth);
  const int64_t master = shape.pure ? 2 : 4;
  const int64_t compute = shape.pure || shape.mixed ? 2 : 4;
  const int64_t tokens = shape.batch * shape.chunk_length;

  TrainingEstimate e;
  e.weight_bytes = all * master + (shape.mixed ? all * compute : 0);
  e.gradient_bytes = trained * master + (shape.mixed ? trained * compute : 0);
  e.optimizer_bytes = 2 * trained * master;
  // Kept per token and trained block: stream and two norms (3 D), query, key and value as computed
  // and as rotated, the attention's output, and the feed-forward part around its activation: 2
  // intermediate sizes with GELU, 4 with SwiGLU (gate, up, activated gate, their product).
  const int64_t attention_kept = 3 * c.query_size() + 4 * c.key_value_size();
  const int64_t feed_forward_kept = (c.gated_feed_forward() ? 4 : 2) * c.intermediate_size;
  const int64_t per_block = 3 * c.hidden_size + attention_kept + feed_forward_kept;
  const int64_t trained_blocks = c.layer_count - shape.freeze_depth;
  // Logits and their gradient exist in the compute type and, for the softmax, in float32.
  const int64_t logits = tokens * c.vocab_size * (compute + 8);
  e.activation_bytes = tokens * trained_blocks * per_block * compute + logits;
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
  e.flops_per_token = forward + backward;
  return e;
}

ServingEstimate EstimateServing(const ModelConfig& c, WeightType type, int64_t batch,
                                int64_t tokens) {
  return {.weight_bytes = c.ParameterCount() * BytesOf(type),
          .cache_bytes = 2 * c.layer_count * batch * tokens * c.key_value_size() * BytesOf(type)};
}

}  // namespace kalavai

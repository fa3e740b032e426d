#include "common/model/decoder_block.h"

#include "common/model/attention.h"
#include "common/model/head_layout.h"
#include "common/model/rms_norm.h"

namespace kalavai {
namespace {

using at::Tensor;

Tensor Attention(const ModelConfig& config, const BlockWeights& block, const Tensor& normed_BTD,
                 const RotaryTable& rotation, KvCache* cache, int64_t layer) {
  const int64_t batch = normed_BTD.size(0);
  const int64_t tokens = normed_BTD.size(1);
  const Heads heads =
      SplitHeads(Linear(normed_BTD, block.query_key_value), rotation, HeadLayoutOf(config));
  const Tensor mixed_BHTS = Attend(heads, cache, layer);
  const Tensor mixed_BTQ =  // Q = H · S
      mixed_BHTS.transpose(1, 2).reshape({batch, tokens, config.query_size()});
  return Linear(mixed_BTQ, block.attention_out);
}

Tensor FeedForward(const ModelConfig& config, const BlockWeights& block, const Tensor& normed_BTD) {
  const Tensor inner_BTI = Linear(normed_BTD, block.feed_forward_in);
  if (!config.gated_feed_forward()) return Linear(at::gelu(inner_BTI), block.feed_forward_out);
  const int64_t size = config.intermediate_size;  // gate and up, side by side
  const Tensor gate_BTI = at::silu(inner_BTI.narrow(2, 0, size));
  return Linear(gate_BTI * inner_BTI.narrow(2, size, size), block.feed_forward_out);
}

}  // namespace

Tensor Norm(const ModelConfig& config, const Tensor& x_BTD, const NormWeights& norm) {
  if (config.rms_norm()) return RmsNorm(x_BTD, norm.weight_D, config.norm_epsilon);
  return at::layer_norm(x_BTD, {config.hidden_size}, norm.weight_D, norm.bias_D,
                        config.norm_epsilon);
}

Tensor Linear(const Tensor& x_BTI, const LinearWeights& linear) {
  return at::linear(x_BTI.to(linear.weight_OI.scalar_type()), linear.weight_OI, linear.bias_O);
}

Tensor DecoderBlock(const Transformer& model, int64_t layer, const Tensor& x_BTD,
                    const RotaryTable& rotation, KvCache* cache) {
  const BlockWeights& block = model.blocks[static_cast<size_t>(layer)];
  const ModelConfig& config = model.config;
  const Tensor attended_BTD =
      Attention(config, block, Norm(config, x_BTD, block.attention_norm), rotation, cache, layer);
  if (config.parallel_residual) {
    const Tensor fed_BTD = FeedForward(config, block, Norm(config, x_BTD, block.feed_forward_norm));
    return fed_BTD + attended_BTD + x_BTD;  // this order, as transformers adds
  }
  const Tensor y_BTD = attended_BTD + x_BTD;
  return FeedForward(config, block, Norm(config, y_BTD, block.feed_forward_norm)) + y_BTD;
}

}  // namespace kalavai

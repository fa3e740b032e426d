#include "common/model/decoder_block.h"

#include "common/model/attention.h"
#include "common/model/head_layout.h"
#include "common/model/layers.h"

namespace kalavai {
namespace {

using at::Tensor;

// Longest chunk whose scores are held for all positions at once. In bfloat16 the library's fused
// kernel computes in float32: half as fast there, up to this length.
constexpr int64_t kExplicitAttentionTokens = 512;

Tensor SelfAttention(const Transformer& model, const BlockWeights& block, const Tensor& x_BTD,
                     const RotaryTable& rotation, KvCache* cache, int64_t layer) {
  const ModelConfig& config = model.config;
  const HeadLayout layout = HeadLayoutOf(config);
  const Tensor fused_BTO =
      NormedLinear(config, x_BTD, block.attention_norm, block.query_key_value, model.product_type);
  Tensor mixed_BTQ;  // Q = H · S
  if (cache == nullptr && x_BTD.is_cpu() && x_BTD.size(1) <= kExplicitAttentionTokens &&
      model.product_type == at::kBFloat16) {
    mixed_BTQ = Attention(fused_BTO, rotation, layout);
  } else {
    const Tensor mixed_BHTS = Attend(SplitHeads(fused_BTO, rotation, layout), cache, layer);
    mixed_BTQ =
        mixed_BHTS.transpose(1, 2).reshape({x_BTD.size(0), x_BTD.size(1), config.query_size()});
  }
  return Linear(mixed_BTQ, block.attention_out, model.product_type);
}

Tensor FeedForward(const Transformer& model, const BlockWeights& block, const Tensor& x_BTD) {
  const Tensor inner_BTI = NormedLinear(model.config, x_BTD, block.feed_forward_norm,
                                        block.feed_forward_in, model.product_type);
  return ActivatedLinear(model.config, inner_BTI, block.feed_forward_out, model.product_type);
}

}  // namespace

Tensor DecoderBlock(const Transformer& model, int64_t layer, const Tensor& x_BTD,
                    const RotaryTable& rotation, KvCache* cache) {
  const BlockWeights& block = model.blocks[static_cast<size_t>(layer)];
  const Tensor attended_BTD = SelfAttention(model, block, x_BTD, rotation, cache, layer);
  if (model.config.parallel_residual) {
    return FeedForward(model, block, x_BTD) + attended_BTD + x_BTD;  // as transformers adds
  }
  const Tensor y_BTD = attended_BTD + x_BTD;
  return FeedForward(model, block, y_BTD) + y_BTD;
}

}  // namespace kalavai

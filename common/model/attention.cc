#include "common/model/attention.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>

namespace kalavai {
namespace {

using at::Tensor;

constexpr int64_t kExplicitAttentionTokens = 512;

// Attention with all scores in memory: in bfloat16 with gradients, on short chunks, twice as fast
// as the library's fused kernel (whose backward pass computes in float32). The query heads of a
// group stand one below the other in one matrix, so that they meet their keys without a copy.
Tensor AttendExplicitly(const Heads& heads) {
  const Tensor& query_BHTS = heads.query_BHTS;
  const int64_t tokens = query_BHTS.size(2);
  const int64_t head = query_BHTS.size(3);
  const int64_t group = query_BHTS.size(1) / heads.key_BGTS.size(1);
  const auto flat = [&](const Tensor& x_BGTS) { return x_BGTS.reshape({-1, tokens, head}); };
  Tensor later = at::full({tokens, tokens}, -std::numeric_limits<double>::infinity(),
                          query_BHTS.options().requires_grad(false))
                     .triu(1);
  if (group > 1) later = later.repeat({group, 1});
  const Tensor query = query_BHTS.reshape({-1, group * tokens, head});
  const Tensor scores = at::baddbmm(later, query, flat(heads.key_BGTS).transpose(1, 2), 1.0,
                                    1.0 / std::sqrt(static_cast<double>(head)));
  return at::bmm(at::softmax(scores, -1), flat(heads.value_BGTS)).view(query_BHTS.sizes());
}

}  // namespace

Tensor Attend(const Heads& heads, KvCache* cache, int64_t layer) {
  const Tensor& query_BHTS = heads.query_BHTS;
  Tensor key_BGTS = heads.key_BGTS;
  Tensor value_BGTS = heads.value_BGTS;
  const int64_t tokens = query_BHTS.size(2);
  std::optional<Tensor> mask;
  bool causal = true;
  if (cache != nullptr) {
    const size_t slot = static_cast<size_t>(layer - cache->first_layer);
    const int64_t past = cache->length;
    cache->keys_BGTS[slot].narrow(2, past, tokens).copy_(key_BGTS);
    cache->values_BGTS[slot].narrow(2, past, tokens).copy_(value_BGTS);
    key_BGTS = cache->keys_BGTS[slot].narrow(2, 0, past + tokens);
    value_BGTS = cache->values_BGTS[slot].narrow(2, 0, past + tokens);
    if (past > 0) {
      causal = false;  // the library aligns its causal mask with position 0, not with `past`
      const at::TensorOptions mask_options = query_BHTS.options().dtype(at::kBool);
      if (tokens > 1) mask = at::ones({tokens, past + tokens}, mask_options).tril(past);
    }
  } else if (query_BHTS.requires_grad() && query_BHTS.scalar_type() == at::kBFloat16 &&
             tokens <= kExplicitAttentionTokens) {
    return AttendExplicitly(heads);
  }
  const bool grouped = query_BHTS.size(1) != key_BGTS.size(1);
  return at::scaled_dot_product_attention(query_BHTS, key_BGTS, value_BGTS, mask, 0.0, causal,
                                          /*scale=*/std::nullopt, grouped);
}

}  // namespace kalavai

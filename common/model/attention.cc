#include "common/model/attention.h"

#include <cstddef>
#include <optional>

namespace kalavai {
using at::Tensor;

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
  }
  const bool grouped = query_BHTS.size(1) != key_BGTS.size(1);
  return at::scaled_dot_product_attention(query_BHTS, key_BGTS, value_BGTS, mask, 0.0, causal,
                                          /*scale=*/std::nullopt, grouped);
}

}  // namespace kalavai

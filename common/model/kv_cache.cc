#include "common/model/kv_cache.h"

#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "common/model/shape_error.h"
#include "common/model/transformer.h"

namespace kalavai {

void KvCache::Truncate(int64_t new_length) {
  KALAVAI_CHECK(new_length >= 0 && new_length <= length, "a cache is only cut shorter");
  length = new_length;
}

absl::StatusOr<KvCache> NewKvCache(const ModelConfig& config, WeightType type, int64_t batch,
                                   int64_t capacity, LayerRange layers, at::Device device) {
  const int64_t last = layers.last < 0 ? config.layer_count : layers.last;
  if (capacity > config.context_length) {
    return ContextExceeded(capacity, config.context_length, "the model's context length");
  }
  if (batch < 1 || capacity < 0 || layers.first < 0 || layers.first > last ||
      last > config.layer_count) {
    return ShapeMismatch(absl::StrCat("cache: batch ", batch, ", capacity ", capacity, ", blocks [",
                                      layers.first, ", ", last, ") of ", config.layer_count));
  }
  return CatchTorch("make cache", [&]() -> absl::StatusOr<KvCache> {
    KvCache cache;
    cache.first_layer = layers.first;
    cache.capacity = capacity == 0 ? config.context_length : capacity;
    cache.batch = batch;
    const std::vector<int64_t> shape = {batch, config.kv_heads(), cache.capacity,
                                        config.head_size()};
    const at::TensorOptions tensor = at::device(device).dtype(ScalarTypeOf(type));
    for (int64_t layer = layers.first; layer < last; ++layer) {
      cache.keys_BGTS.push_back(at::empty(shape, tensor));
      cache.values_BGTS.push_back(at::empty(shape, tensor));
    }
    return cache;
  });
}

}  // namespace kalavai

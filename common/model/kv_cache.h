// Keys and values of the tokens a model has read so far: what makes the next token cost one
// position. One head of keys and values a key-value head, not a query head.
//
//   ASSIGN_OR_RETURN(KvCache cache, NewKvCache(model.config, model.weight_type(), 1));
//
// B sequences, G key-value heads, T = capacity, S head width. Ownership: tensors are handles; a
// copied cache shares them. Threads: one Forward at a time for a cache.
// Errors of NewKvCache: INVALID_ARGUMENT CONTEXT_EXCEEDED (capacity above the context length),
// SHAPE_MISMATCH (an empty batch, blocks the model does not have); OUT_OF_MEMORY.
#ifndef KALAVAI_COMMON_MODEL_KV_CACHE_H_
#define KALAVAI_COMMON_MODEL_KV_CACHE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

#include "common/model/model_config.h"
#include "common/model/torch.h"

namespace kalavai {

// Blocks [first, last) whose keys and values a cache holds.
struct LayerRange {
  int64_t first = 0;
  int64_t last = -1;  // -1: layer_count
};

// Preallocated for `capacity` positions.
struct KvCache {
  std::vector<at::Tensor> keys_BGTS;  // one per block of the range
  std::vector<at::Tensor> values_BGTS;
  int64_t first_layer = 0;
  int64_t length = 0;  // positions filled
  int64_t capacity = 0;
  int64_t batch = 0;

  // Forgets all positions from `new_length` on (≤ length).
  void Truncate(int64_t new_length);
};

// Capacity 0 means context_length. Type and device are those of the weights that will use it.
absl::StatusOr<KvCache> NewKvCache(const ModelConfig& config, WeightType type, int64_t batch,
                                   int64_t capacity = 0, LayerRange layers = {},
                                   at::Device device = at::kCPU);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_KV_CACHE_H_

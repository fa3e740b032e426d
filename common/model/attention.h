// Causal softmax attention with grouped keys: H query heads share G ≤ H heads of keys and values,
// H / G neighbours one head (Ainslie et al. 2023; G = H is plain attention). Keys and values are
// never repeated in memory.
//
// Errors: LibTorch's exceptions (callers are inside CatchTorch). Threads: one at a time for a
// cache.
#ifndef KALAVAI_COMMON_MODEL_ATTENTION_H_
#define KALAVAI_COMMON_MODEL_ATTENTION_H_

#include <cstdint>

#include "common/model/head_layout.h"
#include "common/model/kv_cache.h"
#include "common/model/torch.h"

namespace kalavai {

// The T new positions of `heads` over all `past + T`; scores are divided by √S. With a cache, the
// new keys and values go into its slot for `layer` first (its length is the caller's to advance).
// Returns [B, H, T, S].
at::Tensor Attend(const Heads& heads, KvCache* cache, int64_t layer);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_ATTENTION_H_

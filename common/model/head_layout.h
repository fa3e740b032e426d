// From the fused projection to the heads: splits query, key and value, rotates query and key by
// their positions, and lays each head out contiguously, in one pass over memory (and one pass back
// for the gradient: the inverse rotation). Tensors of a GPU take the library's operations.
//
// Rotary embedding as in transformers' modeling_gpt_neox: of the first 2R dimensions of a head, i
// and i + R (i < R) turn by the angle of position and i; the rest stays. The arithmetic is float32
// for both types, rounded once.
//
// Errors: LibTorch's exceptions (callers are inside CatchTorch). Threads: pure functions.
#ifndef KALAVAI_COMMON_MODEL_HEAD_LAYOUT_H_
#define KALAVAI_COMMON_MODEL_HEAD_LAYOUT_H_

#include <cstdint>

#include "common/model/torch.h"

namespace kalavai {

struct Heads {
  at::Tensor query_BHTS, key_BHTS, value_BHTS;  // contiguous
};

// `fused` [B, T, 3·H·S], ordered head by head: H × (query, key, value) × S; float32 or bfloat16.
// cos_TR, sin_TR: float32, contiguous, one row for each of the T positions. Gradients flow to
// `fused` when they are enabled and it requires them.
Heads SplitHeads(const at::Tensor& fused, const at::Tensor& cos_TR, const at::Tensor& sin_TR,
                 int64_t head_count);

// The same from the library's own operations, on any device: SplitHeads off the processor.
Heads SplitHeadsAnywhere(const at::Tensor& fused, const at::Tensor& cos_TR,
                         const at::Tensor& sin_TR, int64_t head_count);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_HEAD_LAYOUT_H_

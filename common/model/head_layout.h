// From the fused projection to the heads: splits query, key and value, rotates query and key by
// their positions, and lays each head out contiguously, in one pass over memory (and one pass back
// for the gradient: the inverse rotation). Tensors of a GPU take the library's operations.
//
// Rotary embedding as in transformers: of the first 2R dimensions of a head, i and i + R (i < R)
// turn by the angle of position and i; the rest stays. The arithmetic is float32 for both types,
// rounded once.
//
// Errors: LibTorch's exceptions (callers are inside CatchTorch). Threads: pure functions.
#ifndef KALAVAI_COMMON_MODEL_HEAD_LAYOUT_H_
#define KALAVAI_COMMON_MODEL_HEAD_LAYOUT_H_

#include <cstdint>

#include "common/model/rotary_table.h"
#include "common/model/torch.h"

namespace kalavai {

// What the columns of the fused projection are, in units of a head's width S.
struct HeadLayout {
  int64_t heads = 0;        // H query heads
  int64_t kv_heads = 0;     // G key and value heads; each serves H / G query heads in a row
  bool interleaved = true;  // head by head: H × (query, key, value), G = H; else H queries, G keys,
                            // G values

  int64_t slots() const { return heads + 2 * kv_heads; }
};
HeadLayout HeadLayoutOf(const ModelConfig& config);

struct Heads {
  at::Tensor query_BHTS, key_BGTS, value_BGTS;  // contiguous
};

// `fused` [B, T, slots() · S], float32 or bfloat16; `rotation`: one row for each of the T
// positions. Gradients flow to `fused` when they are enabled and it requires them.
Heads SplitHeads(const at::Tensor& fused, const RotaryTable& rotation, const HeadLayout& layout);

// The gradient of `fused` from those of the heads (contiguous, on the processor): rotates back and
// lays side by side. Records no graph.
at::Tensor JoinHeads(const Heads& gradients, const RotaryTable& rotation, const HeadLayout& layout);

// SplitHeads from the library's own operations, on any device.
Heads SplitHeadsAnywhere(const at::Tensor& fused, const RotaryTable& rotation,
                         const HeadLayout& layout);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_HEAD_LAYOUT_H_

// One block of the decoder, from the layers of common/model/layers.h. Families
// differ by data: kind of norm, form of the residual, kind of feed-forward part, layout of heads
// (ModelConfig's form of the blocks).
//
//   sequential: y = x + attention(norm(x));  out = y + feed_forward(norm(y))
//   parallel:   out = x + attention(norm(x)) + feed_forward(norm'(x))
//   feed_forward: down(gelu(up(h))), exact (erf) GELU, or SwiGLU: down(silu(gate(h)) · up(h))
//
// Errors: LibTorch's exceptions (callers are inside CatchTorch). Threads: one at a time for a
// cache.
#ifndef KALAVAI_COMMON_MODEL_DECODER_BLOCK_H_
#define KALAVAI_COMMON_MODEL_DECODER_BLOCK_H_

#include <cstdint>

#include "common/model/kv_cache.h"
#include "common/model/transformer.h"

namespace kalavai {

// The stream after block `layer`; `rotation`: the rows of this call's positions.
at::Tensor DecoderBlock(const Transformer& model, int64_t layer, const at::Tensor& x_BTD,
                        const RotaryTable& rotation, KvCache* cache);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_DECODER_BLOCK_H_

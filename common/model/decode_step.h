// One new position of one sequence, without a call of the library for each of its several hundred
// small operations: those cost more than reading the weights, which is what a token must cost.
// Forward takes this way by itself wherever it applies.
//
// The same arithmetic as DecoderBlock, in another order of sums and with the stream and all
// activations in float32; only keys and values are rounded to the cache's type. In bfloat16 it is
// therefore closer to float32 than a prefill is. Rows of a product are split over LibTorch's
// threads; their number changes no bit (common/model/matrix_vector.h).
//
// D model width. Threads: one at a time for a cache. Errors: LibTorch's exceptions for memory
// (callers are inside CatchTorch); callers have checked shapes and room.
#ifndef KALAVAI_COMMON_MODEL_DECODE_STEP_H_
#define KALAVAI_COMMON_MODEL_DECODE_STEP_H_

#include <cstdint>

#include "common/model/kv_cache.h"
#include "common/model/transformer.h"

namespace kalavai {

// True for one position of one sequence with a cache that already holds some, on the processor,
// without gradients, and weights of one type.
bool IsDecodeStep(const Transformer& model, const at::Tensor& x_BTD, const KvCache* cache);

// The stream [1, 1, D], float32, after blocks [first, last). Appends to the cache; its length is
// the caller's to advance. `trunk`, if not null, receives the stream after `trunk_depth` blocks.
at::Tensor DecodeBlocks(const Transformer& model, const at::Tensor& x_BTD, LayerRange layers,
                        KvCache* cache, int64_t trunk_depth, at::Tensor* trunk);

// True when RowLogits can be used for `hidden`: one row, on the processor, without gradients.
bool IsOneRow(const Transformer& model, const at::Tensor& hidden);

// embed_out · hidden in float32, shape of `hidden` with D replaced by the vocabulary.
at::Tensor RowLogits(const Transformer& model, const at::Tensor& hidden);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_DECODE_STEP_H_

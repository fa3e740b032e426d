// The layers of a block, each a matrix product with what stands right before it, so that what a
// gradient needs is kept once and the rest is computed again:
//
//   NormedLinear     norm(x) Wᵀ + b        keeps x, one number a row
//   ActivatedLinear  act(x) Wᵀ + b         keeps x: GELU, or SwiGLU of gate and up side by side
//   Linear           x Wᵀ + b              keeps x
//   Attention        softmax(QKᵀ/√S + causal)V of the fused projection; keeps that projection
//
// Against one node for each operation this halves what a step keeps per token and block
// (common/model/model_cost.h), for one norm, one activation and one QKᵀ more on the way back: none
// of them a product with weights. Weights of another type than `type` are cast when they are used,
// on both ways, so that mixed precision holds no second copy of the model; their gradients come out
// in their own type.
//
// x [B, T, I]; the stream may be float32 around bfloat16 products. `type`: float32 or bfloat16,
// that of products and results. Where gradients are enabled and x requires one, it flows back to x,
// and those of the weights that require one are added to their .grad() on the way: the first as the
// product gave it, in `type`, which is half the room of a float32 sum; a second makes it float32.
// Any device. Errors: LibTorch's exceptions (callers are inside CatchTorch). Threads: one backward
// pass at a time for a weight.
#ifndef KALAVAI_COMMON_MODEL_LAYERS_H_
#define KALAVAI_COMMON_MODEL_LAYERS_H_

#include "common/model/head_layout.h"
#include "common/model/transformer.h"

namespace kalavai {

// Layer norm or RMS norm over the last dimension; the result has the type of `x`.
at::Tensor Norm(const ModelConfig& config, const at::Tensor& x_BTD, const NormWeights& norm);

at::Tensor Linear(const at::Tensor& x_BTI, const LinearWeights& linear, at::ScalarType type);

at::Tensor NormedLinear(const ModelConfig& config, const at::Tensor& x_BTD, const NormWeights& norm,
                        const LinearWeights& linear, at::ScalarType type);

at::Tensor ActivatedLinear(const ModelConfig& config, const at::Tensor& inner_BTI,
                           const LinearWeights& linear, at::ScalarType type);

// The positions of `fused` over each other, without a cache: [B, T, H · S].
at::Tensor Attention(const at::Tensor& fused, const RotaryTable& rotation,
                     const HeadLayout& layout);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_LAYERS_H_

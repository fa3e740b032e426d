// Root mean square norm (Zhang & Sennrich 2019) in one pass over memory, and one back:
//
//   y = w · round(x / √(mean(x²) + ε))
//
// in float32, rounded to the type of x where transformers' LlamaRMSNorm rounds: before and after
// the weight. Sums are over the last dimension. Tensors of a GPU take the library's operations.
//
// Errors: LibTorch's exceptions (callers are inside CatchTorch). Bit-repeatable, whatever the
// number of threads. Pure functions.
#ifndef KALAVAI_COMMON_MODEL_RMS_NORM_H_
#define KALAVAI_COMMON_MODEL_RMS_NORM_H_

#include "common/model/torch.h"

namespace kalavai {

// `x` and `weight_D` float32 or bfloat16, of one type; the result has shape and type of `x`.
// Gradients flow to both when they are enabled and required.
at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon);

// The same from the library's own operations, on any device.
at::Tensor RmsNormAnywhere(const at::Tensor& x, const at::Tensor& weight_D, double epsilon);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_RMS_NORM_H_

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

// Its two halves, for functions that write a larger gradient by hand. Rows of x_ND and gradient_ND
// contiguous; no graph is recorded.
struct RmsNormed {
  at::Tensor y_ND;     // of `type`
  at::Tensor scale_N;  // 1/√(mean(x²) + ε) of each row, float32
};
RmsNormed RmsNormForward(const at::Tensor& x_ND, const at::Tensor& weight_D, double epsilon,
                         at::ScalarType type);
struct RmsNormGradients {
  at::Tensor x_ND, weight_D;  // of the types of x and weight
};
RmsNormGradients RmsNormBackward(const at::Tensor& x_ND, const at::Tensor& weight_D,
                                 const at::Tensor& scale_N, const at::Tensor& gradient_ND);

// The same from the library's own operations, on any device.
at::Tensor RmsNormAnywhere(const at::Tensor& x, const at::Tensor& weight_D, double epsilon);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_RMS_NORM_H_

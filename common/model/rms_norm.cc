// Needs LibTorch's custom gradients: see torch.h.
#define KALAVAI_TORCH_CUSTOM_GRADIENTS
#include "common/model/rms_norm.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/model/row_kernels.h"

namespace kalavai {
namespace {

using at::Tensor;

constexpr int64_t kElementsPerTask = 16 * 1024;
constexpr int64_t kGradientTasks = 16;  // fixed, so that sums do not depend on the threads

// A tensor's bfloat16 values as their bits, or its float32 values.
template <typename Scalar>
const Scalar* Values(const Tensor& tensor) {
  return static_cast<const Scalar*>(tensor.const_data_ptr());
}
template <typename Scalar>
Scalar* MutableValues(const Tensor& tensor) {
  return static_cast<Scalar*>(tensor.mutable_data_ptr());
}

template <typename In, typename Out>
void NormRows(const Tensor& x_ND, const Tensor& weight_D, float epsilon, const RmsNormed& result) {
  const int64_t width = x_ND.size(1);
  const In* const x = Values<In>(x_ND);
  const In* const weight = Values<In>(weight_D);
  Out* const y = MutableValues<Out>(result.y_ND);
  float* const scales = MutableValues<float>(result.scale_N);
  const int64_t grain = std::max<int64_t>(1, kElementsPerTask / width);
  at::parallel_for(0, x_ND.size(0), grain, [&](int64_t first, int64_t last) {
    for (int64_t n = first; n < last; ++n) {
      scales[n] = NormRow(x + n * width, weight, epsilon, width, y + n * width);
    }
  });
}

// The weight's gradient is summed in kGradientTasks parts, whatever the threads.
template <typename In, typename Out>
void NormRowsBack(const Tensor& x_ND, const Tensor& weight_D, const Tensor& scale_N,
                  const Tensor& gradient_ND, const Tensor& out_ND, const Tensor& partial_KD) {
  const int64_t rows = x_ND.size(0);
  const int64_t width = x_ND.size(1);
  const In* const x = Values<In>(x_ND);
  const In* const weight = Values<In>(weight_D);
  const float* const scales = Values<float>(scale_N);
  const Out* const gradient = Values<Out>(gradient_ND);
  In* const out = MutableValues<In>(out_ND);
  float* const partial = MutableValues<float>(partial_KD);
  at::parallel_for(0, kGradientTasks, 1, [&](int64_t first, int64_t last) {
    for (int64_t task = first; task < last; ++task) {
      for (int64_t n = rows * task / kGradientTasks; n < rows * (task + 1) / kGradientTasks; ++n) {
        NormRowBack(x + n * width, weight, scales[n], gradient + n * width, width, out + n * width,
                    partial + task * width);
      }
    }
  });
}

class RmsNormFunction : public torch::autograd::Function<RmsNormFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x_ND,
                        const Tensor& weight_D, double epsilon) {
    RmsNormed result = RmsNormForward(x_ND, weight_D, epsilon, x_ND.scalar_type());
    context->save_for_backward({x_ND, weight_D, result.scale_N});
    return result.y_ND;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    RmsNormGradients gradients =
        RmsNormBackward(saved[0], saved[1], saved[2], outputs[0].contiguous());
    return {gradients.x_ND, gradients.weight_D, Tensor()};
  }
};

}  // namespace

RmsNormed RmsNormForward(const Tensor& x_ND, const Tensor& weight_D, double epsilon,
                         at::ScalarType type) {
  const at::TensorOptions floats = x_ND.options().requires_grad(false).dtype(at::kFloat);
  if (!x_ND.is_cpu()) {
    const Tensor wide = x_ND.to(at::kFloat);
    const Tensor scale = at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + epsilon);
    return {(weight_D * (wide * scale).to(x_ND.scalar_type())).to(type), scale.view({-1})};
  }
  const bool narrow = type == at::kBFloat16;
  const RmsNormed result = {at::empty(x_ND.sizes(), floats.dtype(type)),
                            at::empty({x_ND.size(0)}, floats)};
  const Tensor weight = weight_D.contiguous();
  const float small = static_cast<float>(epsilon);
  if (x_ND.scalar_type() == at::kBFloat16) {
    KALAVAI_CHECK(narrow, "a bfloat16 stream has bfloat16 norms");
    NormRows<Bfloat16Bits, Bfloat16Bits>(x_ND, weight, small, result);
  } else if (narrow) {
    NormRows<float, Bfloat16Bits>(x_ND, weight, small, result);
  } else {
    NormRows<float, float>(x_ND, weight, small, result);
  }
  return result;
}

RmsNormGradients RmsNormBackward(const Tensor& x_ND, const Tensor& weight_D, const Tensor& scale_N,
                                 const Tensor& gradient_ND) {
  const at::ScalarType type = weight_D.scalar_type();
  if (!x_ND.is_cpu()) {
    const Tensor scale_N1 = scale_N.view({-1, 1});
    const Tensor normed = x_ND.to(at::kFloat) * scale_N1;
    const Tensor wide = gradient_ND.to(at::kFloat);
    const Tensor slope = wide * weight_D.to(at::kFloat);
    const Tensor x_gradient =
        scale_N1 * (slope - normed * (slope * normed).mean(-1, /*keepdim=*/true));
    return {x_gradient.to(x_ND.scalar_type()), (wide * normed).sum(0).to(type)};
  }
  const at::TensorOptions options = x_ND.options().requires_grad(false);
  const Tensor out_ND = at::empty(x_ND.sizes(), options);
  const Tensor partial_KD = at::zeros({kGradientTasks, x_ND.size(1)}, options.dtype(at::kFloat));
  const Tensor weight = weight_D.contiguous();
  if (x_ND.scalar_type() == at::kBFloat16) {
    NormRowsBack<Bfloat16Bits, Bfloat16Bits>(x_ND, weight, scale_N, gradient_ND, out_ND,
                                             partial_KD);
  } else if (gradient_ND.scalar_type() == at::kBFloat16) {
    NormRowsBack<float, Bfloat16Bits>(x_ND, weight, scale_N, gradient_ND, out_ND, partial_KD);
  } else {
    NormRowsBack<float, float>(x_ND, weight, scale_N, gradient_ND, out_ND, partial_KD);
  }
  return {out_ND, partial_KD.sum(0).to(type)};
}

Tensor RmsNorm(const Tensor& x, const Tensor& weight_D, double epsilon) {
  if (!x.is_cpu()) return RmsNormAnywhere(x, weight_D, epsilon);
  KALAVAI_CHECK(x.scalar_type() == weight_D.scalar_type() && x.size(-1) == weight_D.size(0),
                "the norm's weight fits the stream");
  const Tensor x_ND = x.reshape({-1, x.size(-1)}).contiguous();
  const bool graph = at::GradMode::is_enabled() && (x.requires_grad() || weight_D.requires_grad());
  const Tensor y_ND = graph ? RmsNormFunction::apply(x_ND, weight_D, epsilon)
                            : RmsNormForward(x_ND, weight_D, epsilon, x.scalar_type()).y_ND;
  return y_ND.view(x.sizes());
}

Tensor RmsNormAnywhere(const Tensor& x, const Tensor& weight_D, double epsilon) {
  const Tensor wide = x.to(at::kFloat);
  const Tensor scale = at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + epsilon);
  return weight_D * (wide * scale).to(x.scalar_type());
}

}  // namespace kalavai

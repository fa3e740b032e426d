// Needs LibTorch's custom gradients: see torch.h.
#define KALAVAI_TORCH_CUSTOM_GRADIENTS
#include "common/model/rms_norm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "common/base/check.h"

namespace kalavai {
namespace {

using at::Tensor;

constexpr size_t kLanes = 16;  // partial sums, so that the compiler can use vectors
constexpr int64_t kElementsPerTask = 16 * 1024;
constexpr int64_t kGradientTasks = 16;  // fixed, so that sums do not depend on the threads

// Σ f(i) for i < count, in kLanes interleaved partial sums.
template <typename Term>
float SumOf(int64_t count, const Term& term) {
  std::array<float, kLanes> sums = {};
  const auto lanes = static_cast<int64_t>(kLanes);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      sums[lane] += term(i + static_cast<int64_t>(lane));
    }
  }
  float rest = 0.0F;
  for (; i < count; ++i) rest += term(i);
  for (const float sum : sums) rest += sum;
  return rest;
}

template <typename Scalar>
void NormRows(const Tensor& x_ND, const Tensor& weight_D, float epsilon, const Tensor& y_ND,
              const Tensor& scale_N) {
  const int64_t width = x_ND.size(1);
  const Scalar* const x = x_ND.const_data_ptr<Scalar>();
  const Scalar* const weight = weight_D.const_data_ptr<Scalar>();
  Scalar* const y = y_ND.mutable_data_ptr<Scalar>();
  float* const scales = scale_N.mutable_data_ptr<float>();
  const int64_t grain = std::max<int64_t>(1, kElementsPerTask / width);
  at::parallel_for(0, x_ND.size(0), grain, [&](int64_t first, int64_t last) {
    for (int64_t n = first; n < last; ++n) {
      const Scalar* const row = x + n * width;
      const float squares = SumOf(width, [&](int64_t i) {
        const float value = static_cast<float>(row[i]);
        return value * value;
      });
      const float scale = 1.0F / std::sqrt(squares / static_cast<float>(width) + epsilon);
      scales[n] = scale;
      Scalar* const out = y + n * width;
      for (int64_t i = 0; i < width; ++i) {
        const auto rounded = static_cast<Scalar>(static_cast<float>(row[i]) * scale);
        out[i] = static_cast<Scalar>(static_cast<float>(rounded) * static_cast<float>(weight[i]));
      }
    }
  });
}

// With x̂ = x·s and g the gradient of y: ∂x = s·(g·w − x̂·mean(g·w·x̂)), ∂w = Σ_rows g·x̂.
template <typename Scalar>
void NormRowsBack(const Tensor& x_ND, const Tensor& weight_D, const Tensor& scale_N,
                  const Tensor& gradient_ND, const Tensor& out_ND, const Tensor& partial_KD) {
  const int64_t rows = x_ND.size(0);
  const int64_t width = x_ND.size(1);
  const Scalar* const weight = weight_D.const_data_ptr<Scalar>();
  const float* const scales = scale_N.const_data_ptr<float>();
  const auto back = [&](int64_t n, float* weight_gradient) {
    const Scalar* const x = x_ND.const_data_ptr<Scalar>() + n * width;
    const Scalar* const gradient = gradient_ND.const_data_ptr<Scalar>() + n * width;
    Scalar* const out = out_ND.mutable_data_ptr<Scalar>() + n * width;
    const float scale = scales[n];
    const auto slope = [&](int64_t i) {
      return static_cast<float>(gradient[i]) * static_cast<float>(weight[i]);
    };
    const auto normed = [&](int64_t i) { return static_cast<float>(x[i]) * scale; };
    const float mean =
        SumOf(width, [&](int64_t i) { return slope(i) * normed(i); }) / static_cast<float>(width);
    for (int64_t i = 0; i < width; ++i) {
      out[i] = static_cast<Scalar>(scale * (slope(i) - normed(i) * mean));
      weight_gradient[i] += static_cast<float>(gradient[i]) * normed(i);
    }
  };
  at::parallel_for(0, kGradientTasks, 1, [&](int64_t first, int64_t last) {
    for (int64_t task = first; task < last; ++task) {
      float* const weight_gradient = partial_KD.mutable_data_ptr<float>() + task * width;
      for (int64_t n = rows * task / kGradientTasks; n < rows * (task + 1) / kGradientTasks; ++n) {
        back(n, weight_gradient);
      }
    }
  });
}

struct Normed {
  Tensor y_ND, scale_N;
};

Normed NormForward(const Tensor& x_ND, const Tensor& weight_D, double epsilon) {
  const Normed result = {at::empty(x_ND.sizes(), x_ND.options()),
                         at::empty({x_ND.size(0)}, x_ND.options().dtype(at::kFloat))};
  if (x_ND.scalar_type() == at::kBFloat16) {
    NormRows<c10::BFloat16>(x_ND, weight_D, static_cast<float>(epsilon), result.y_ND,
                            result.scale_N);
  } else {
    NormRows<float>(x_ND, weight_D, static_cast<float>(epsilon), result.y_ND, result.scale_N);
  }
  return result;
}

class RmsNormFunction : public torch::autograd::Function<RmsNormFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x_ND,
                        const Tensor& weight_D, double epsilon) {
    Normed result = NormForward(x_ND, weight_D, epsilon);
    context->save_for_backward({x_ND, weight_D, result.scale_N});
    return result.y_ND;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    const Tensor& x_ND = saved[0];
    const Tensor gradient_ND = outputs[0].contiguous();
    Tensor out_ND = at::empty(x_ND.sizes(), x_ND.options());
    const Tensor partial_KD =
        at::zeros({kGradientTasks, x_ND.size(1)}, x_ND.options().dtype(at::kFloat));
    if (x_ND.scalar_type() == at::kBFloat16) {
      NormRowsBack<c10::BFloat16>(x_ND, saved[1], saved[2], gradient_ND, out_ND, partial_KD);
    } else {
      NormRowsBack<float>(x_ND, saved[1], saved[2], gradient_ND, out_ND, partial_KD);
    }
    return {out_ND, partial_KD.sum(0).to(saved[1].scalar_type()), Tensor()};
  }
};

}  // namespace

Tensor RmsNorm(const Tensor& x, const Tensor& weight_D, double epsilon) {
  if (!x.is_cpu()) return RmsNormAnywhere(x, weight_D, epsilon);
  KALAVAI_CHECK(x.scalar_type() == weight_D.scalar_type() && x.size(-1) == weight_D.size(0),
                "the norm's weight fits the stream");
  const Tensor x_ND = x.reshape({-1, x.size(-1)}).contiguous();
  const bool graph = at::GradMode::is_enabled() && (x.requires_grad() || weight_D.requires_grad());
  const Tensor y_ND = graph ? RmsNormFunction::apply(x_ND, weight_D, epsilon)
                            : NormForward(x_ND, weight_D.contiguous(), epsilon).y_ND;
  return y_ND.view(x.sizes());
}

Tensor RmsNormAnywhere(const Tensor& x, const Tensor& weight_D, double epsilon) {
  const Tensor wide = x.to(at::kFloat);
  const Tensor scale = at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + epsilon);
  return weight_D * (wide * scale).to(x.scalar_type());
}

}  // namespace kalavai

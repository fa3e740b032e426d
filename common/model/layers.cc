// Needs LibTorch's custom gradients: see torch.h.
#define KALAVAI_TORCH_CUSTOM_GRADIENTS
#include "common/model/layers.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <tuple>
#include <vector>

#include "common/model/rms_norm.h"
#include "common/model/row_kernels.h"

namespace kalavai {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kElementsPerTask = 16 * 1024;

Tensor Rows(const Tensor& x) { return x.reshape({-1, x.size(-1)}).contiguous(); }

// Back to the shape of `like`, but for the last dimension.
Tensor ShapedAs(const Tensor& like, const Tensor& rows) {
  std::vector<int64_t> sizes = like.sizes().vec();
  sizes.back() = rows.size(1);
  return rows.view(sizes);
}

bool WantsGraph(const Tensor& x) { return at::GradMode::is_enabled() && x.requires_grad(); }

// Adds to weight.grad(). The first addend is kept as it came, in the product's type: half the room
// of a float32 weight's. A second one makes it a float32 sum.
void AddGradient(const Tensor& weight, const Tensor& gradient) {
  Tensor handle = weight;
  Tensor& sum = handle.mutable_grad();
  if (!sum.defined()) {
    sum = gradient;
  } else if (sum.scalar_type() == weight.scalar_type()) {
    sum.add_(gradient);
  } else {
    sum = sum.to(at::kFloat).add_(gradient);
  }
}

Tensor Product(const Tensor& x_NI, const LinearWeights& linear, at::ScalarType type) {
  const Tensor& bias_O = linear.bias_O;
  return at::linear(x_NI.to(type), linear.weight_OI.to(type),
                    bias_O.defined() ? bias_O.to(type) : bias_O);
}

// A weight in a graph that the library must not differentiate: its gradient is added by hand.
c10::IValue Kept(const Tensor& weight) { return c10::IValue(weight); }

// Adds the gradients of weight and bias where they want one; returns that of x.
Tensor ProductBack(const Tensor& gradient_NO, const Tensor& x_NI, const LinearWeights& linear) {
  const at::ScalarType type = gradient_NO.scalar_type();
  if (linear.weight_OI.requires_grad()) {
    AddGradient(linear.weight_OI, at::mm(gradient_NO.t(), x_NI.to(type)));
  }
  if (linear.bias_O.defined() && linear.bias_O.requires_grad()) {
    AddGradient(linear.bias_O,
                at::sum(gradient_NO, {0}, false, at::kFloat).to(linear.bias_O.scalar_type()));
  }
  return at::mm(gradient_NO, linear.weight_OI.to(type));
}

void Keep(AutogradContext* context, const LinearWeights& linear) {
  context->saved_data["weight"] = Kept(linear.weight_OI);
  context->saved_data["bias"] = Kept(linear.bias_O);
}
LinearWeights KeptLinear(AutogradContext* context) {
  return {context->saved_data["weight"].toTensor(), context->saved_data["bias"].toTensor()};
}

class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x_NI, const LinearWeights& linear,
                        at::ScalarType type) {
    context->save_for_backward({x_NI});
    Keep(context, linear);
    return Product(x_NI, linear, type);
  }

  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const at::NoGradGuard no_graph;
    const Tensor x_NI = context->get_saved_variables()[0];
    const Tensor x_gradient = ProductBack(outputs[0].contiguous(), x_NI, KeptLinear(context));
    return {x_gradient.to(x_NI.scalar_type()), Tensor(), Tensor()};
  }
};

// RMS norm has no mean.
struct Normed {
  Tensor y_ND, mean_N1, scale_N1;
};

Normed NormForward(const Tensor& x_ND, const NormWeights& norm, bool rms, double epsilon,
                   at::ScalarType type) {
  if (rms) {
    RmsNormed result = RmsNormForward(x_ND, norm.weight_D, epsilon, type);
    return {result.y_ND, Tensor(), result.scale_N};
  }
  auto [y, mean, scale] =
      at::native_layer_norm(x_ND, {x_ND.size(1)}, norm.weight_D, norm.bias_D, epsilon);
  return {y.to(type), mean, scale};
}

class NormedLinearFunction : public torch::autograd::Function<NormedLinearFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x_ND, const NormWeights& norm,
                        const LinearWeights& linear, bool rms, double epsilon,
                        at::ScalarType type) {
    context->save_for_backward({x_ND});
    Keep(context, linear);
    context->saved_data["norm"] = Kept(norm.weight_D);
    context->saved_data["norm_bias"] = Kept(norm.bias_D);
    context->saved_data["rms"] = rms;
    context->saved_data["epsilon"] = epsilon;
    return Product(NormForward(x_ND, norm, rms, epsilon, type).y_ND, linear, type);
  }

  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const at::NoGradGuard no_graph;
    auto& kept = context->saved_data;
    const bool rms = kept["rms"].toBool();
    const Tensor x_ND = context->get_saved_variables()[0];
    const NormWeights norm = {kept["norm"].toTensor(), kept["norm_bias"].toTensor()};
    const Tensor gradient_NO = outputs[0].contiguous();
    const Normed again =
        NormForward(x_ND, norm, rms, kept["epsilon"].toDouble(), gradient_NO.scalar_type());
    const Tensor y_gradient = ProductBack(gradient_NO, again.y_ND, KeptLinear(context));
    Tensor x_gradient, norm_gradient, norm_bias_gradient;
    if (rms) {
      RmsNormGradients back = RmsNormBackward(x_ND, norm.weight_D, again.scale_N1, y_gradient);
      x_gradient = back.x_ND;
      norm_gradient = back.weight_D;
    } else {
      std::tie(x_gradient, norm_gradient, norm_bias_gradient) = at::native_layer_norm_backward(
          y_gradient.to(x_ND.scalar_type()), x_ND, {x_ND.size(1)}, again.mean_N1, again.scale_N1,
          norm.weight_D, norm.bias_D, {true, true, true});
    }
    if (norm.weight_D.requires_grad()) AddGradient(norm.weight_D, norm_gradient);
    if (norm.bias_D.defined() && norm.bias_D.requires_grad()) {
      AddGradient(norm.bias_D, norm_bias_gradient);
    }
    return {x_gradient, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

template <typename Row>
void ForRows(const Tensor& tensor, const Row& row) {
  const int64_t width = tensor.size(1);
  const int64_t grain = std::max<int64_t>(1, kElementsPerTask / width);
  at::parallel_for(0, tensor.size(0), grain, [&](int64_t first, int64_t last) {
    for (int64_t n = first; n < last; ++n) row(n);
  });
}

template <typename Scalar>
void SwiGluRows(const Tensor& inner_NI, const Tensor& out_NI) {
  const int64_t size = out_NI.size(1);
  const auto* const inner = static_cast<const Scalar*>(inner_NI.const_data_ptr());
  auto* const out = static_cast<Scalar*>(out_NI.mutable_data_ptr());
  ForRows(inner_NI, [=](int64_t n) { SwiGluRow(inner + 2 * n * size, size, out + n * size); });
}

template <typename Scalar>
void SwiGluRowsBack(const Tensor& inner_NI, const Tensor& gradient_NI, const Tensor& out_NI) {
  const int64_t size = gradient_NI.size(1);
  const auto* const inner = static_cast<const Scalar*>(inner_NI.const_data_ptr());
  const auto* const gradient = static_cast<const Scalar*>(gradient_NI.const_data_ptr());
  auto* const out = static_cast<Scalar*>(out_NI.mutable_data_ptr());
  ForRows(inner_NI, [=](int64_t n) {
    SwiGluRowBack(inner + 2 * n * size, gradient + n * size, size, out + 2 * n * size);
  });
}

Tensor Activate(const Tensor& inner_NI, bool gated) {
  if (!gated) return at::gelu(inner_NI);
  const int64_t size = inner_NI.size(1) / 2;
  if (!inner_NI.is_cpu()) {
    return at::silu(inner_NI.narrow(1, 0, size)) * inner_NI.narrow(1, size, size);
  }
  const Tensor out_NI = at::empty({inner_NI.size(0), size}, inner_NI.options());
  if (inner_NI.scalar_type() == at::kBFloat16) {
    SwiGluRows<Bfloat16Bits>(inner_NI, out_NI);
  } else {
    SwiGluRows<float>(inner_NI, out_NI);
  }
  return out_NI;
}

Tensor ActivateBack(const Tensor& inner_NI, const Tensor& gradient_NI, bool gated) {
  if (!gated) return at::gelu_backward(gradient_NI, inner_NI);
  const int64_t size = gradient_NI.size(1);
  if (!inner_NI.is_cpu()) {
    const Tensor gate = inner_NI.narrow(1, 0, size);
    return at::cat({at::silu_backward(gradient_NI * inner_NI.narrow(1, size, size), gate),
                    gradient_NI * at::silu(gate)},
                   1);
  }
  const Tensor out_NI = at::empty(inner_NI.sizes(), inner_NI.options());
  if (inner_NI.scalar_type() == at::kBFloat16) {
    SwiGluRowsBack<Bfloat16Bits>(inner_NI, gradient_NI, out_NI);
  } else {
    SwiGluRowsBack<float>(inner_NI, gradient_NI, out_NI);
  }
  return out_NI;
}

class ActivatedLinearFunction : public torch::autograd::Function<ActivatedLinearFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& inner_NI,
                        const LinearWeights& linear, bool gated, at::ScalarType type) {
    context->save_for_backward({inner_NI});
    Keep(context, linear);
    context->saved_data["gated"] = gated;
    return Product(Activate(inner_NI, gated), linear, type);
  }

  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const at::NoGradGuard no_graph;
    const bool gated = context->saved_data["gated"].toBool();
    const Tensor inner_NI = context->get_saved_variables()[0];
    const Tensor gradient_NI =
        ProductBack(outputs[0].contiguous(), Activate(inner_NI, gated), KeptLinear(context));
    return {ActivateBack(inner_NI, gradient_NI.to(inner_NI.scalar_type()), gated), Tensor(),
            Tensor(), Tensor()};
  }
};

// One matrix for each key-value head: the query heads of its group stand one below the other, so
// that they meet their keys without a copy.
struct Groups {
  Tensor query, key, value;  // [B·G, (H/G)·T, S], [B·G, T, S], [B·G, T, S]
};
Groups GroupsOf(const Heads& heads) {
  const int64_t tokens = heads.query_BHTS.size(2);
  const int64_t head = heads.query_BHTS.size(3);
  const int64_t group = heads.query_BHTS.size(1) / heads.key_BGTS.size(1);
  return {heads.query_BHTS.reshape({-1, group * tokens, head}),
          heads.key_BGTS.reshape({-1, tokens, head}), heads.value_BGTS.reshape({-1, tokens, head})};
}

float ScaleOf(const Tensor& query) { return 1.0F / std::sqrt(static_cast<float>(query.size(2))); }

template <typename Scalar>
void SoftmaxRows(const Tensor& scores, float scale) {
  const int64_t tokens = scores.size(2);
  auto* const values = static_cast<Scalar*>(scores.mutable_data_ptr());
  ForRows(scores.view({-1, tokens}),
          [=](int64_t n) { CausalSoftmaxRow(scale, n % tokens + 1, tokens, values + n * tokens); });
}

template <typename Scalar>
void SoftmaxRowsBack(const Tensor& probabilities, const Tensor& gradient, float scale) {
  const int64_t tokens = gradient.size(2);
  const auto* const p = static_cast<const Scalar*>(probabilities.const_data_ptr());
  auto* const values = static_cast<Scalar*>(gradient.mutable_data_ptr());
  ForRows(gradient.view({-1, tokens}), [=](int64_t n) {
    CausalSoftmaxRowBack(p + n * tokens, scale, n % tokens + 1, tokens, values + n * tokens);
  });
}

Tensor Probabilities(const Groups& groups) {
  const Tensor scores = at::bmm(groups.query, groups.key.transpose(1, 2));
  if (scores.scalar_type() == at::kBFloat16) {
    SoftmaxRows<Bfloat16Bits>(scores, ScaleOf(groups.query));
  } else {
    SoftmaxRows<float>(scores, ScaleOf(groups.query));
  }
  return scores;
}

// [B, H, T, S] to [B, T, H·S].
Tensor SideBySide(const Tensor& mixed, const Heads& heads) {
  const auto sizes = heads.query_BHTS.sizes();
  return mixed.view(sizes).transpose(1, 2).reshape({sizes[0], sizes[2], sizes[1] * sizes[3]});
}

class AttentionFunction : public torch::autograd::Function<AttentionFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& fused, const Tensor& cos_TR,
                        const Tensor& sin_TR, int64_t heads, int64_t kv_heads, bool interleaved) {
    context->save_for_backward({fused, cos_TR, sin_TR});
    context->saved_data["heads"] = heads;
    context->saved_data["kv_heads"] = kv_heads;
    context->saved_data["interleaved"] = interleaved;
    return Run(fused, {cos_TR, sin_TR}, {heads, kv_heads, interleaved});
  }

  static Tensor Run(const Tensor& fused, const RotaryTable& rotation, const HeadLayout& layout) {
    const Heads heads = SplitHeads(fused, rotation, layout);
    const Groups groups = GroupsOf(heads);
    return SideBySide(at::bmm(Probabilities(groups), groups.value), heads);
  }

  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    const RotaryTable rotation = {saved[1], saved[2]};
    const HeadLayout layout = {.heads = context->saved_data["heads"].toInt(),
                               .kv_heads = context->saved_data["kv_heads"].toInt(),
                               .interleaved = context->saved_data["interleaved"].toBool()};
    const at::NoGradGuard no_graph;
    const Heads heads = SplitHeads(saved[0], rotation, layout);
    const Groups groups = GroupsOf(heads);
    const auto sizes = heads.query_BHTS.sizes();
    const Tensor p = Probabilities(groups);
    const Tensor gradient = outputs[0]
                                .reshape({sizes[0], sizes[2], sizes[1], sizes[3]})
                                .transpose(1, 2)
                                .reshape(groups.query.sizes());
    const Tensor slope = at::bmm(gradient, groups.value.transpose(1, 2));
    if (slope.scalar_type() == at::kBFloat16) {
      SoftmaxRowsBack<Bfloat16Bits>(p, slope, ScaleOf(groups.query));
    } else {
      SoftmaxRowsBack<float>(p, slope, ScaleOf(groups.query));
    }
    const Heads gradients = {
        at::bmm(slope, groups.key).view(sizes),
        at::bmm(slope.transpose(1, 2), groups.query).view(heads.key_BGTS.sizes()),
        at::bmm(p.transpose(1, 2), gradient).view(heads.value_BGTS.sizes())};
    return {
        JoinHeads(gradients, rotation, layout), Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor Norm(const ModelConfig& config, const Tensor& x_BTD, const NormWeights& norm) {
  if (config.rms_norm()) return RmsNorm(x_BTD, norm.weight_D, config.norm_epsilon);
  return at::layer_norm(x_BTD, {config.hidden_size}, norm.weight_D, norm.bias_D,
                        config.norm_epsilon);
}

Tensor Linear(const Tensor& x_BTI, const LinearWeights& linear, at::ScalarType type) {
  const Tensor x_NI = Rows(x_BTI);
  return ShapedAs(x_BTI, WantsGraph(x_NI) ? LinearFunction::apply(x_NI, linear, type)
                                          : Product(x_NI, linear, type));
}

Tensor NormedLinear(const ModelConfig& config, const Tensor& x_BTD, const NormWeights& norm,
                    const LinearWeights& linear, at::ScalarType type) {
  const Tensor x_ND = Rows(x_BTD);
  const bool rms = config.rms_norm();
  const double epsilon = config.norm_epsilon;
  return ShapedAs(x_BTD,
                  WantsGraph(x_ND)
                      ? NormedLinearFunction::apply(x_ND, norm, linear, rms, epsilon, type)
                      : Product(NormForward(x_ND, norm, rms, epsilon, type).y_ND, linear, type));
}

Tensor ActivatedLinear(const ModelConfig& config, const Tensor& inner_BTI,
                       const LinearWeights& linear, at::ScalarType type) {
  const Tensor inner_NI = Rows(inner_BTI);
  const bool gated = config.gated_feed_forward();
  return ShapedAs(inner_BTI, WantsGraph(inner_NI)
                                 ? ActivatedLinearFunction::apply(inner_NI, linear, gated, type)
                                 : Product(Activate(inner_NI, gated), linear, type));
}

Tensor Attention(const Tensor& fused, const RotaryTable& rotation, const HeadLayout& layout) {
  if (!WantsGraph(fused)) return AttentionFunction::Run(fused, rotation, layout);
  return AttentionFunction::apply(fused, rotation.cos_TR, rotation.sin_TR, layout.heads,
                                  layout.kv_heads, layout.interleaved);
}

}  // namespace kalavai

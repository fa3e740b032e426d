// Needs LibTorch's custom gradients: see torch.h.
#define KALAVAI_TORCH_CUSTOM_GRADIENTS
#include "common/model/layers.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <optional>
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

// An argument that may be absent: the library takes no undefined tensor.
using MaybeTensor = std::optional<Tensor>;
MaybeTensor Maybe(const Tensor& x) { return x.defined() ? MaybeTensor(x) : std::nullopt; }
Tensor OrUndefined(const MaybeTensor& x) { return x.value_or(Tensor()); }

Tensor Rows(const Tensor& x) { return x.reshape({-1, x.size(-1)}).contiguous(); }

// Back to the shape of `like`, but for the last dimension.
Tensor ShapedAs(const Tensor& like, const Tensor& rows) {
  std::vector<int64_t> sizes = like.sizes().vec();
  sizes.back() = rows.size(1);
  return rows.view(sizes);
}

bool WantsGraph(std::initializer_list<Tensor> inputs) {
  return at::GradMode::is_enabled() &&
         std::any_of(inputs.begin(), inputs.end(),
                     [](const Tensor& x) { return x.defined() && x.requires_grad(); });
}

Tensor Product(const Tensor& x_NI, const Tensor& weight_OI, const Tensor& bias_O,
               at::ScalarType type) {
  return at::linear(x_NI.to(type), weight_OI.to(type), bias_O.defined() ? bias_O.to(type) : bias_O);
}

struct ProductGradients {
  Tensor x_NI;               // of the product's type
  Tensor weight_OI, bias_O;  // of the weights' type; undefined where none is wanted
};

ProductGradients ProductBack(const Tensor& gradient_NO, const Tensor& x_NI, const Tensor& weight_OI,
                             const Tensor& bias_O) {
  const at::ScalarType type = gradient_NO.scalar_type();
  ProductGradients result;
  if (weight_OI.requires_grad()) {
    result.weight_OI = at::mm(gradient_NO.t(), x_NI.to(type)).to(weight_OI.scalar_type());
  }
  if (bias_O.defined() && bias_O.requires_grad()) {
    result.bias_O = at::sum(gradient_NO, {0}, false, at::kFloat).to(bias_O.scalar_type());
  }
  result.x_NI = at::mm(gradient_NO, weight_OI.to(type));
  return result;
}

class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x_NI, const Tensor& weight_OI,
                        const MaybeTensor& bias_O, at::ScalarType type) {
    context->save_for_backward({x_NI, weight_OI, OrUndefined(bias_O)});
    return Product(x_NI, weight_OI, OrUndefined(bias_O), type);
  }

  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    ProductGradients g = ProductBack(outputs[0].contiguous(), saved[0], saved[1], saved[2]);
    return {g.x_NI.to(saved[0].scalar_type()), g.weight_OI, g.bias_O, Tensor()};
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
  static Tensor forward(AutogradContext* context, const Tensor& x_ND, const Tensor& norm_D,
                        const MaybeTensor& norm_bias_D, const Tensor& weight_OI,
                        const MaybeTensor& bias_O, bool rms, double epsilon, at::ScalarType type) {
    const Normed normed = NormForward(x_ND, {norm_D, OrUndefined(norm_bias_D)}, rms, epsilon, type);
    context->save_for_backward(
        {x_ND, norm_D, OrUndefined(norm_bias_D), weight_OI, OrUndefined(bias_O)});
    context->saved_data["rms"] = rms;
    context->saved_data["epsilon"] = epsilon;
    return Product(normed.y_ND, weight_OI, OrUndefined(bias_O), type);
  }

  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    const bool rms = context->saved_data["rms"].toBool();
    const Tensor& x_ND = saved[0];
    const NormWeights norm = {saved[1], saved[2]};
    const Tensor gradient_NO = outputs[0].contiguous();
    const at::NoGradGuard no_graph;
    const Normed again = NormForward(x_ND, norm, rms, context->saved_data["epsilon"].toDouble(),
                                     gradient_NO.scalar_type());
    ProductGradients g = ProductBack(gradient_NO, again.y_ND, saved[3], saved[4]);
    Tensor x_gradient, norm_gradient, norm_bias_gradient;
    if (rms) {
      RmsNormGradients back = RmsNormBackward(x_ND, norm.weight_D, again.scale_N1, g.x_NI);
      x_gradient = back.x_ND;
      norm_gradient = back.weight_D;
    } else {
      std::tie(x_gradient, norm_gradient, norm_bias_gradient) = at::native_layer_norm_backward(
          g.x_NI.to(x_ND.scalar_type()), x_ND, {x_ND.size(1)}, again.mean_N1, again.scale_N1,
          norm.weight_D, norm.bias_D, {true, true, true});
    }
    return {x_gradient, norm_gradient, norm_bias_gradient, g.weight_OI,
            g.bias_O,   Tensor(),      Tensor(),           Tensor()};
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
  static Tensor forward(AutogradContext* context, const Tensor& inner_NI, const Tensor& weight_OI,
                        const MaybeTensor& bias_O, bool gated, at::ScalarType type) {
    context->save_for_backward({inner_NI, weight_OI, OrUndefined(bias_O)});
    context->saved_data["gated"] = gated;
    return Product(Activate(inner_NI, gated), weight_OI, OrUndefined(bias_O), type);
  }

  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    const bool gated = context->saved_data["gated"].toBool();
    const Tensor& inner_NI = saved[0];
    ProductGradients g =
        ProductBack(outputs[0].contiguous(), Activate(inner_NI, gated), saved[1], saved[2]);
    return {ActivateBack(inner_NI, g.x_NI.to(inner_NI.scalar_type()), gated), g.weight_OI, g.bias_O,
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
  const bool graph = WantsGraph({x_NI, linear.weight_OI, linear.bias_O});
  return ShapedAs(x_BTI,
                  graph ? LinearFunction::apply(x_NI, linear.weight_OI, Maybe(linear.bias_O), type)
                        : Product(x_NI, linear.weight_OI, linear.bias_O, type));
}

Tensor NormedLinear(const ModelConfig& config, const Tensor& x_BTD, const NormWeights& norm,
                    const LinearWeights& linear, at::ScalarType type) {
  const Tensor x_ND = Rows(x_BTD);
  const bool rms = config.rms_norm();
  const double epsilon = config.norm_epsilon;
  if (WantsGraph({x_ND, norm.weight_D, linear.weight_OI, linear.bias_O})) {
    return ShapedAs(x_BTD, NormedLinearFunction::apply(x_ND, norm.weight_D, Maybe(norm.bias_D),
                                                       linear.weight_OI, Maybe(linear.bias_O), rms,
                                                       epsilon, type));
  }
  return ShapedAs(x_BTD, Product(NormForward(x_ND, norm, rms, epsilon, type).y_ND, linear.weight_OI,
                                 linear.bias_O, type));
}

Tensor ActivatedLinear(const ModelConfig& config, const Tensor& inner_BTI,
                       const LinearWeights& linear, at::ScalarType type) {
  const Tensor inner_NI = Rows(inner_BTI);
  const bool gated = config.gated_feed_forward();
  const bool graph = WantsGraph({inner_NI, linear.weight_OI, linear.bias_O});
  return ShapedAs(
      inner_BTI, graph ? ActivatedLinearFunction::apply(inner_NI, linear.weight_OI,
                                                        Maybe(linear.bias_O), gated, type)
                       : Product(Activate(inner_NI, gated), linear.weight_OI, linear.bias_O, type));
}

Tensor Attention(const Tensor& fused, const RotaryTable& rotation, const HeadLayout& layout) {
  if (!WantsGraph({fused})) return AttentionFunction::Run(fused, rotation, layout);
  return AttentionFunction::apply(fused, rotation.cos_TR, rotation.sin_TR, layout.heads,
                                  layout.kv_heads, layout.interleaved);
}

}  // namespace kalavai

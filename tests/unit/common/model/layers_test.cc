// Goal: the layers' values and hand-written gradients are those of the plain operations.
// Method: the same composed from the library's operations, with the library's own gradients; both
// kinds of norm and activation, with and without biases, float32 and mixed; frozen weights.
#include "common/model/layers.h"

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

using at::Tensor;

constexpr int64_t kWidth = 24, kInner = 20, kTokens = 7;

Tensor Wave(at::IntArrayRef sizes, double step) {
  int64_t count = 1;
  for (const int64_t size : sizes) count *= size;
  return (at::arange(0, count, at::kFloat) * step).sin().view(sizes);
}

// Inputs in a fixed order: x, norm weight, norm bias, weight, bias; undefined where absent.
struct Inputs {
  Tensor x, norm, norm_bias, weight, bias;

  std::vector<Tensor*> All() { return {&x, &norm, &norm_bias, &weight, &bias}; }
};

Inputs SomeInputs(int64_t inputs, int64_t outputs, bool biases) {
  Inputs i = {.x = Wave({2, kTokens, inputs}, 0.37),
              .norm = 1.0 + 0.3 * Wave({inputs}, 0.9),
              .norm_bias = biases ? Wave({inputs}, 0.5) : Tensor(),
              .weight = 0.4 * Wave({outputs, inputs}, 0.71),
              .bias = biases ? Wave({outputs}, 0.3) : Tensor()};
  for (Tensor* tensor : i.All()) {
    if (tensor->defined()) *tensor = tensor->detach().clone().requires_grad_(true);
  }
  return i;
}

ModelConfig Config(Family family) {
  ModelConfig config = ModelConfig::Defaults(family);
  config.hidden_size = kWidth;
  config.intermediate_size = kInner;
  return config;
}

Tensor PlainNorm(const ModelConfig& config, const Inputs& i) {
  if (!config.rms_norm()) {
    return at::layer_norm(i.x, {i.x.size(-1)}, i.norm, i.norm_bias, config.norm_epsilon);
  }
  return i.x * at::rsqrt(i.x.square().mean(-1, true) + config.norm_epsilon) * i.norm;
}

Tensor PlainActivation(const ModelConfig& config, const Tensor& x) {
  if (!config.gated_feed_forward()) return at::gelu(x);
  return at::silu(x.narrow(-1, 0, kInner)) * x.narrow(-1, kInner, kInner);
}

// Both run back from one slope; every gradient must agree.
void CheckAlike(Inputs& ours, const Tensor& out, Inputs& plain, const Tensor& expected,
                double tolerance) {
  REQUIRE(out.sizes() == expected.sizes());
  CHECK(at::allclose(out.to(at::kFloat), expected, tolerance, tolerance));
  const Tensor slope = Wave(expected.sizes(), 0.11);
  out.backward(slope.to(out.scalar_type()));
  expected.backward(slope);
  const std::vector<Tensor*> a = ours.All();
  const std::vector<Tensor*> b = plain.All();
  for (size_t k = 0; k < a.size(); ++k) {
    if (!b[k]->defined() || !b[k]->grad().defined()) continue;
    INFO("input " << k);
    REQUIRE(a[k]->grad().defined());
    const double largest = b[k]->grad().abs().max().item<double>();
    CHECK(at::allclose(a[k]->grad().to(at::kFloat), b[k]->grad(), tolerance, tolerance * largest));
  }
}

struct Case {
  Family family;
  bool biases;
  at::ScalarType type;
  double tolerance;
};
const std::vector<Case>& Cases() {
  static const auto& cases = *new std::vector<Case>{{Family::kGptNeox, true, at::kFloat, 2e-5},
                                                    {Family::kLlama, false, at::kFloat, 2e-5},
                                                    {Family::kLlama, true, at::kFloat, 2e-5},
                                                    {Family::kGptNeox, true, at::kBFloat16, 0.03},
                                                    {Family::kLlama, false, at::kBFloat16, 0.03}};
  return cases;
}

TEST_CASE("A normed linear layer is norm, then product, and so is its gradient", "[model]") {
  for (const Case& row : Cases()) {
    INFO(NameOf(row.family) << " " << row.biases << " " << c10::toString(row.type));
    const ModelConfig config = Config(row.family);
    Inputs ours = SomeInputs(kWidth, 10, row.biases);
    Inputs plain = SomeInputs(kWidth, 10, row.biases);
    if (!config.rms_norm() && !row.biases) continue;
    const NormWeights norm = {ours.norm, config.rms_norm() ? Tensor() : ours.norm_bias};
    const Tensor out = NormedLinear(config, ours.x, norm, {ours.weight, ours.bias}, row.type);
    CHECK(out.scalar_type() == row.type);
    CheckAlike(ours, out, plain, at::linear(PlainNorm(config, plain), plain.weight, plain.bias),
               row.tolerance);
  }
}

TEST_CASE("An activated linear layer is activation, then product, and so is its gradient",
          "[model]") {
  for (const Case& row : Cases()) {
    INFO(NameOf(row.family) << " " << row.biases << " " << c10::toString(row.type));
    const ModelConfig config = Config(row.family);
    const int64_t wide = config.gated_feed_forward() ? 2 * kInner : kInner;
    Inputs ours = SomeInputs(kInner, 9, row.biases);
    Inputs plain = SomeInputs(kInner, 9, row.biases);
    ours.x = Wave({2, kTokens, wide}, 0.37).requires_grad_(true);
    plain.x = Wave({2, kTokens, wide}, 0.37).requires_grad_(true);
    const Tensor out = ActivatedLinear(config, ours.x, {ours.weight, ours.bias}, row.type);
    CheckAlike(ours, out, plain,
               at::linear(PlainActivation(config, plain.x), plain.weight, plain.bias),
               row.tolerance);
  }
}

TEST_CASE("Attention and its gradient are the plain ones, grouped or not", "[model]") {
  struct Row {
    HeadLayout layout;
    at::ScalarType type;
    double tolerance;
  };
  for (const Row& row :
       {Row{{.heads = 3, .kv_heads = 3, .interleaved = true}, at::kFloat, 2e-5},
        Row{{.heads = 4, .kv_heads = 2, .interleaved = false}, at::kFloat, 2e-5},
        Row{{.heads = 3, .kv_heads = 1, .interleaved = false}, at::kBFloat16, 0.04}}) {
    INFO(row.layout.heads << " over " << row.layout.kv_heads);
    const Tensor angles = Wave({kTokens, 2}, 0.3);
    const RotaryTable rotation = {angles.cos(), angles.sin()};
    const auto input = [&](at::ScalarType type) {
      return Wave({2, kTokens, row.layout.slots() * 8}, 0.37).to(type).requires_grad_(true);
    };
    const Tensor ours = input(row.type);
    const Tensor plain = input(at::kFloat);
    const Heads heads = SplitHeadsAnywhere(plain, rotation, row.layout);
    const int64_t group = row.layout.heads / row.layout.kv_heads;
    const Tensor scores =
        heads.query_BHTS.matmul(heads.key_BGTS.repeat_interleave(group, 1).transpose(2, 3)) /
        std::sqrt(8.0);
    const Tensor later = at::ones({kTokens, kTokens}, at::kBool).triu(1);
    const Tensor expected = scores.masked_fill(later, -std::numeric_limits<double>::infinity())
                                .softmax(-1)
                                .matmul(heads.value_BGTS.repeat_interleave(group, 1))
                                .transpose(1, 2)
                                .reshape({2, kTokens, row.layout.heads * 8});
    const Tensor out = Attention(ours, rotation, row.layout);
    CHECK(at::allclose(out.to(at::kFloat), expected, row.tolerance, row.tolerance));
    const Tensor slope = Wave(expected.sizes(), 0.11);
    out.backward(slope.to(row.type));
    expected.backward(slope);
    CHECK(at::allclose(ours.grad().to(at::kFloat), plain.grad(), row.tolerance, row.tolerance));
  }
}

TEST_CASE("Without a graph the values are the same, bit for bit", "[model]") {
  const ModelConfig config = Config(Family::kLlama);
  const Inputs i = SomeInputs(kWidth, 10, false);
  const Tensor with = NormedLinear(config, i.x, {i.norm, {}}, {i.weight, {}}, at::kFloat);
  const c10::InferenceMode inference;
  const Tensor without = NormedLinear(config, i.x, {i.norm, {}}, {i.weight, {}}, at::kFloat);
  CHECK(at::equal(with.detach(), without));
}

TEST_CASE("A frozen weight gets no gradient, what lies below it does", "[model]") {
  Inputs i = SomeInputs(kWidth, 10, true);
  i.weight.requires_grad_(false);
  Linear(i.x, {i.weight, i.bias}, at::kFloat).sum().backward();
  CHECK_FALSE(i.weight.grad().defined());
  CHECK(i.bias.grad().defined());
  CHECK(i.x.grad().defined());
}

TEST_CASE("One gradient of a weight has the product's type, a sum of them the weight's",
          "[model]") {
  Inputs i = SomeInputs(kWidth, 10, false);
  Linear(i.x, {i.weight, {}}, at::kBFloat16).sum().backward();
  CHECK(i.weight.grad().scalar_type() == at::kBFloat16);
  const Tensor first = i.weight.grad().to(at::kFloat);
  Linear(i.x, {i.weight, {}}, at::kBFloat16).sum().backward();
  CHECK(i.weight.grad().scalar_type() == at::kFloat);
  CHECK(at::equal(i.weight.grad(), first * 2));
}

TEST_CASE("A linear layer takes its input in the type of the product", "[model]") {
  const LinearWeights layer = {.weight_OI = at::ones({3, 2}, at::kBFloat16), .bias_O = {}};
  const Tensor out = Linear(at::ones({1, 1, 2}), layer, at::kBFloat16);
  CHECK(out.scalar_type() == at::kBFloat16);
  CHECK(out.eq(2).all().item<bool>());
}

}  // namespace
}  // namespace kalavai

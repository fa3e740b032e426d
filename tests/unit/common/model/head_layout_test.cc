// Goal: heads are split and rotated as the formula says, and the gradient is that of the formula.
// Method: the same computed with plain tensor operations and the library's own gradients.
#include "common/model/head_layout.h"

#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

constexpr int64_t kBatch = 2, kTokens = 5, kHeads = 3, kHead = 8, kHalf = 2;
constexpr HeadLayout kLayout = {.heads = kHeads, .kv_heads = kHeads, .interleaved = true};

RotaryTable SomeAngles() {
  const at::Tensor angles = at::arange(0, kTokens * kHalf, at::kFloat).view({kTokens, kHalf}) * 0.7;
  return {angles.cos(), angles.sin()};
}

// Query, key and value stacked: [3, B, H, T, S].
at::Tensor Stacked(const Heads& heads) {
  return at::stack({heads.query_BHTS, heads.key_BGTS, heads.value_BGTS});
}

at::Tensor Plain(const at::Tensor& fused, const RotaryTable& angles) {
  const at::Tensor split = fused.view({kBatch, kTokens, kHeads, 3, kHead}).permute({3, 0, 2, 1, 4});
  const at::Tensor a = split.narrow(-1, 0, kHalf);
  const at::Tensor b = split.narrow(-1, kHalf, kHalf);
  const at::Tensor rest = split.narrow(-1, 2 * kHalf, kHead - 2 * kHalf);
  const at::Tensor rotated = at::cat(
      {a * angles.cos_TR - b * angles.sin_TR, b * angles.cos_TR + a * angles.sin_TR, rest}, -1);
  return at::cat({rotated.narrow(0, 0, 2), split.narrow(0, 2, 1)});
}

at::Tensor Input() {
  const at::Tensor numbers = at::arange(0, kBatch * kTokens * 3 * kHeads * kHead, at::kFloat);
  return (numbers * 0.37).sin().view({kBatch, kTokens, 3 * kHeads * kHead});
}

TEST_CASE("Heads and their gradient are those of the plain formula", "[model]") {
  const RotaryTable angles = SomeAngles();
  const at::Tensor ours = Input().requires_grad_(true);
  const at::Tensor plain = Input().requires_grad_(true);
  const at::Tensor heads = Stacked(SplitHeads(ours, angles, kLayout));
  const at::Tensor expected = Plain(plain, angles);
  CHECK(at::allclose(heads, expected, 0.0, 1e-6));

  const at::Tensor slope = (at::arange(0, heads.numel(), at::kFloat) * 0.11).cos();
  heads.backward(slope.view(heads.sizes()));
  expected.backward(slope.view(heads.sizes()));
  CHECK(at::allclose(ours.grad(), plain.grad(), 0.0, 1e-6));
}

TEST_CASE("Bfloat16 heads are the float32 ones rounded once", "[model]") {
  const RotaryTable angles = SomeAngles();
  const at::Tensor half = Input().to(at::kBFloat16);
  const at::Tensor heads = Stacked(SplitHeads(half, angles, kLayout));
  CHECK(heads.scalar_type() == at::kBFloat16);
  const at::Tensor exact = Plain(half.to(at::kFloat), angles);
  CHECK(at::allclose(heads.to(at::kFloat), exact, 0.005, 1e-6));

  const at::Tensor with_gradient = half.clone().requires_grad_(true);
  Stacked(SplitHeads(with_gradient, angles, kLayout)).sum().backward();
  CHECK(with_gradient.grad().sizes() == half.sizes());
}

TEST_CASE("The way for other devices gives the processor's heads and gradient", "[model]") {
  const RotaryTable angles = SomeAngles();
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const double tolerance = type == at::kFloat ? 1e-6 : 0.01;  // bfloat16: one rounding more
    const at::Tensor fast = Input().to(type).requires_grad_(true);
    const at::Tensor anywhere = Input().to(type).requires_grad_(true);
    const Heads expected = SplitHeads(fast, angles, kLayout);
    const Heads heads = SplitHeadsAnywhere(anywhere, angles, kLayout);
    CHECK(heads.query_BHTS.is_contiguous());
    CHECK(heads.key_BGTS.is_contiguous());
    CHECK(heads.value_BGTS.is_contiguous());
    REQUIRE(Stacked(heads).scalar_type() == type);
    CHECK(at::allclose(Stacked(heads), Stacked(expected), 0.0, tolerance));

    const at::Tensor numbers = at::arange(0, Stacked(heads).numel(), at::kFloat);
    const at::Tensor slope = (numbers * 0.11).cos().view(Stacked(heads).sizes()).to(type);
    Stacked(expected).backward(slope);
    Stacked(heads).backward(slope);
    CHECK(at::allclose(anywhere.grad(), fast.grad(), 0.0, tolerance));
  }
}

TEST_CASE("Blocked heads with shared keys are split and rotated like interleaved ones", "[model]") {
  const RotaryTable angles = SomeAngles();
  const HeadLayout layout = {.heads = 4, .kv_heads = 2, .interleaved = false};
  const int64_t width = layout.slots() * kHead;
  const at::Tensor numbers = at::arange(0, kBatch * kTokens * width, at::kFloat) * 0.37;
  const at::Tensor input = numbers.sin().view({kBatch, kTokens, width});
  const at::Tensor ours = input.clone().requires_grad_(true);
  const at::Tensor anywhere = input.clone().requires_grad_(true);
  const Heads heads = SplitHeads(ours, angles, layout);
  const Heads expected = SplitHeadsAnywhere(anywhere, angles, layout);
  CHECK(heads.query_BHTS.sizes() == at::IntArrayRef({kBatch, 4, kTokens, kHead}));
  CHECK(heads.key_BGTS.sizes() == at::IntArrayRef({kBatch, 2, kTokens, kHead}));
  CHECK(at::allclose(heads.query_BHTS, expected.query_BHTS, 0.0, 1e-6));
  CHECK(at::allclose(heads.key_BGTS, expected.key_BGTS, 0.0, 1e-6));
  CHECK(at::equal(heads.value_BGTS, expected.value_BGTS));
  // Value head 1 of token 3 of sequence 1 is the last of that row's eight heads, unchanged.
  CHECK(at::equal(heads.value_BGTS[1][1][3], input[1][3].narrow(0, 7 * kHead, kHead)));
  {
    const c10::InferenceMode inference;
    CHECK(at::equal(SplitHeads(input, angles, layout).key_BGTS, heads.key_BGTS));
  }
  const auto slope = [](const at::Tensor& x) {
    return (at::arange(0, x.numel(), at::kFloat) * 0.11).cos().view(x.sizes());
  };
  const auto loss = [&](const Heads& h) {
    return (h.query_BHTS * slope(h.query_BHTS)).sum() + (h.key_BGTS * slope(h.key_BGTS)).sum() +
           (h.value_BGTS * slope(h.value_BGTS)).sum();
  };
  loss(heads).backward();
  loss(expected).backward();
  CHECK(at::allclose(ours.grad(), anywhere.grad(), 0.0, 1e-6));
}

}  // namespace
}  // namespace kalavai

// Goal: heads are split and rotated as the formula says, and the gradient is that of the formula.
// Method: the same computed with plain tensor operations and the library's own gradients.
#include "common/model/head_layout.h"

#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

constexpr int64_t kBatch = 2, kTokens = 5, kHeads = 3, kHead = 8, kHalf = 2;

struct Angles {
  at::Tensor cos_TR, sin_TR;
};

Angles SomeAngles() {
  const at::Tensor angles = at::arange(0, kTokens * kHalf, at::kFloat).view({kTokens, kHalf}) * 0.7;
  return {angles.cos(), angles.sin()};
}

// Query, key and value stacked: [3, B, H, T, S].
at::Tensor Stacked(const Heads& heads) {
  return at::stack({heads.query_BHTS, heads.key_BHTS, heads.value_BHTS});
}

at::Tensor Plain(const at::Tensor& fused, const Angles& angles) {
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
  const Angles angles = SomeAngles();
  const at::Tensor ours = Input().requires_grad_(true);
  const at::Tensor plain = Input().requires_grad_(true);
  const at::Tensor heads = Stacked(SplitHeads(ours, angles.cos_TR, angles.sin_TR, kHeads));
  const at::Tensor expected = Plain(plain, angles);
  CHECK(at::allclose(heads, expected, 0.0, 1e-6));

  const at::Tensor slope = (at::arange(0, heads.numel(), at::kFloat) * 0.11).cos();
  heads.backward(slope.view(heads.sizes()));
  expected.backward(slope.view(heads.sizes()));
  CHECK(at::allclose(ours.grad(), plain.grad(), 0.0, 1e-6));
}

TEST_CASE("Bfloat16 heads are the float32 ones rounded once", "[model]") {
  const Angles angles = SomeAngles();
  const at::Tensor half = Input().to(at::kBFloat16);
  const at::Tensor heads = Stacked(SplitHeads(half, angles.cos_TR, angles.sin_TR, kHeads));
  CHECK(heads.scalar_type() == at::kBFloat16);
  const at::Tensor exact = Plain(half.to(at::kFloat), angles);
  CHECK(at::allclose(heads.to(at::kFloat), exact, 0.005, 1e-6));

  const at::Tensor with_gradient = half.clone().requires_grad_(true);
  Stacked(SplitHeads(with_gradient, angles.cos_TR, angles.sin_TR, kHeads)).sum().backward();
  CHECK(with_gradient.grad().sizes() == half.sizes());
}

TEST_CASE("The way for other devices gives the processor's heads and gradient", "[model]") {
  const Angles angles = SomeAngles();
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const double tolerance = type == at::kFloat ? 1e-6 : 0.01;  // bfloat16: one rounding more
    const at::Tensor fast = Input().to(type).requires_grad_(true);
    const at::Tensor anywhere = Input().to(type).requires_grad_(true);
    const Heads expected = SplitHeads(fast, angles.cos_TR, angles.sin_TR, kHeads);
    const Heads heads = SplitHeadsAnywhere(anywhere, angles.cos_TR, angles.sin_TR, kHeads);
    CHECK(heads.query_BHTS.is_contiguous());
    CHECK(heads.key_BHTS.is_contiguous());
    CHECK(heads.value_BHTS.is_contiguous());
    REQUIRE(Stacked(heads).scalar_type() == type);
    CHECK(at::allclose(Stacked(heads), Stacked(expected), 0.0, tolerance));

    const at::Tensor numbers = at::arange(0, Stacked(heads).numel(), at::kFloat);
    const at::Tensor slope = (numbers * 0.11).cos().view(Stacked(heads).sizes()).to(type);
    Stacked(expected).backward(slope);
    Stacked(heads).backward(slope);
    CHECK(at::allclose(anywhere.grad(), fast.grad(), 0.0, tolerance));
  }
}

}  // namespace
}  // namespace kalavai

// Goal: RMS norm and its gradient are those of the formula, rounded where transformers rounds.
// Method: the same from plain tensor operations and the library's own gradients; odd widths.
#include "common/model/rms_norm.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

constexpr double kEpsilon = 1e-5;

at::Tensor Wave(at::IntArrayRef sizes, double step, at::ScalarType type) {
  int64_t count = 1;
  for (const int64_t size : sizes) count *= size;
  return (at::arange(0, count, at::kFloat) * step).sin().view(sizes).to(type);
}

TEST_CASE("RMS norm and its gradients are those of plain operations", "[model]") {
  for (const int64_t width : {1, 7, 16, 37, 576}) {
    INFO("width " << width);
    const at::Tensor x = Wave({3, 11, width}, 0.37, at::kFloat) * 3.0;
    const at::Tensor weight = Wave({width}, 0.91, at::kFloat) + 1.0;
    const at::Tensor ours_x = x.clone().requires_grad_(true);
    const at::Tensor ours_w = weight.clone().requires_grad_(true);
    const at::Tensor plain_x = x.clone().requires_grad_(true);
    const at::Tensor plain_w = weight.clone().requires_grad_(true);
    const at::Tensor ours = RmsNorm(ours_x, ours_w, kEpsilon);
    const at::Tensor plain = RmsNormAnywhere(plain_x, plain_w, kEpsilon);
    CHECK(at::allclose(ours, plain, 1e-6, 1e-6));
    {
      const c10::InferenceMode inference;
      CHECK(at::equal(RmsNorm(x, weight, kEpsilon), ours));
    }
    const at::Tensor slope = Wave({3, 11, width}, 0.11, at::kFloat);
    ours.backward(slope);
    plain.backward(slope);
    CHECK(at::allclose(ours_x.grad(), plain_x.grad(), 1e-5, 2e-6));
    CHECK(at::allclose(ours_w.grad(), plain_w.grad(), 1e-5, 1e-5));
  }
}

TEST_CASE("Bfloat16 is rounded before and after the weight", "[model]") {
  const at::Tensor x = Wave({5, 64}, 0.37, at::kBFloat16);
  const at::Tensor weight = Wave({64}, 0.91, at::kBFloat16) + 1.0;
  const at::Tensor ours = RmsNorm(x, weight, kEpsilon);
  CHECK(ours.scalar_type() == at::kBFloat16);
  // One last bit may differ where the library sums in another order.
  CHECK(at::allclose(ours.to(at::kFloat), RmsNormAnywhere(x, weight, kEpsilon).to(at::kFloat),
                     0.008, 0.0));

  const at::Tensor fine = x.clone().requires_grad_(true);
  const at::Tensor wide = x.to(at::kFloat).requires_grad_(true);
  RmsNorm(fine, weight, kEpsilon).sum().backward();
  RmsNormAnywhere(wide, weight.to(at::kFloat), kEpsilon).sum().backward();
  CHECK(at::allclose(fine.grad().to(at::kFloat), wide.grad(), 0.01, 0.01));
}

TEST_CASE("A norm of more rows than tasks gives each row once to the weight's gradient",
          "[model]") {
  for (const int64_t rows : {1, 15, 16, 17, 100}) {
    INFO(rows << " rows");
    const at::Tensor x = at::ones({rows, 4});
    const at::Tensor weight = at::ones({4}).requires_grad_(true);
    RmsNorm(x, weight, 0.0).sum().backward();
    CHECK(at::allclose(weight.grad(), at::full({4}, static_cast<double>(rows)), 1e-6));
  }
}

}  // namespace
}  // namespace kalavai

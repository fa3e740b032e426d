// Goal: features are the forgetting mean that the header writes down, and a kept state goes on.
// Method: an example small enough to compute by hand, with powers of two so that it is exact.
#include "common/router/gate_features.h"

#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("A forgetting mean is exact on an example by hand", "[router]") {
  // Half-life 1: every token halves what was before. S = (1, 2), (4.5, -3), W = 1, 1.5; shrunk
  // by 2.5.
  ForgettingMean mean(2, /*half_life=*/1, /*shrinkage=*/2.5);
  std::vector<double> out(2, 9);
  mean.Mean(out);
  CHECK(out == std::vector<double>{0, 0});
  CHECK(mean.Fill() == 0);
  mean.Push(std::vector<float>{1, 2});
  mean.Mean(out);
  REQUIRE_NEAR(out[0], 1 / 3.5, 1e-15);
  REQUIRE_NEAR(out[1], 2 / 3.5, 1e-15);
  mean.Push(std::vector<float>{4, -4});
  mean.Mean(out);
  CHECK(out == std::vector<double>{4.5 / 4, -3.0 / 4});
  CHECK(mean.Fill() == 1.5 / 4);
}

TEST_CASE("The weight of an old token halves every half-life", "[router]") {
  ForgettingMean mean(1, /*half_life=*/4, /*shrinkage=*/1);
  mean.Push(std::vector<float>{1});
  for (int i = 0; i < 8; ++i) mean.Push(std::vector<float>{0});
  std::vector<double> out(1);
  mean.Mean(out);
  // S = 2^(-8/4); out = S (1 - Fill) because 1 / (W + 1) = 1 - Fill.
  REQUIRE_NEAR(out[0], 0.25 * (1 - mean.Fill()), 1e-15);
}

TEST_CASE("A projected state is A (h, 1), and its mean the feature", "[router]") {
  // Two features of a state of three numbers; the last column is the offset.
  const FeatureTransform transform{
      .width = 3, .features = 2, .matrix = {1, 0, -1, 0.5, 0, 2, 0, -1}};
  std::vector<float> projected(2);
  ProjectState(transform, std::vector<float>{3, 4, 5}, projected);
  CHECK(projected == std::vector<float>{-1.5f, 7});
  GateFeatures features(transform, /*half_life=*/1, /*shrinkage=*/1);
  const auto now = [&features] {
    return std::vector<double>(features.Features().begin(), features.Features().end());
  };
  CHECK(now() == std::vector<double>{0, 0});
  features.Push(std::vector<float>{3, 4, 5});
  CHECK(now() == std::vector<double>{-0.75, 3.5});
  features.Push(std::vector<float>{0, 0, 0});  // projects to the offset (0.5, -1)
  CHECK(now() == std::vector<double>{-0.25 / 2.5, 2.5 / 2.5});
}

TEST_CASE("A copy keeps a state that can be gone back to", "[router]") {
  const FeatureTransform transform{.width = 1, .features = 1, .matrix = {1, 0}};
  GateFeatures features(transform, 24, 8);
  features.Push(std::vector<float>{1});
  const GateFeatures kept = features;
  features.Push(std::vector<float>{7});
  CHECK(features.Features()[0] != kept.Features()[0]);
  GateFeatures again = kept;
  again.Push(std::vector<float>{7});
  CHECK(again.Features()[0] == features.Features()[0]);
}

}  // namespace
}  // namespace kalavai

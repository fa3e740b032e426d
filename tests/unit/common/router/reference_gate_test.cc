// Goal: the published gate is reproduced exactly as described, and never served. Method: its
// gradient against finite differences, a step by hand, arrays there and back, and a router read
// from them.
#include "common/router/reference_gate.h"

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "common/router/router_parameters.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

const std::vector<double> kState = {0.5, -1, 2, 0.25};

// A loss that is linear in g: its slope is known.
double Loss(const ReferenceGate& gate, const std::vector<double>& slope) {
  const std::vector<double> weights = gate.Weights(kState);
  double loss = 0;
  for (size_t i = 0; i < weights.size(); ++i) loss += slope[i] * weights[i];
  return loss;
}

TEST_CASE("Weights are a softmax, and the same seed gives the same gate", "[router]") {
  const ReferenceGate gate(3, 4, 5);
  double sum = 0;
  for (const double weight : gate.Weights(kState)) {
    CHECK(weight > 0);
    sum += weight;
  }
  REQUIRE_NEAR(sum, 1, 1e-12);
  CHECK(gate.Weights(kState) == ReferenceGate(3, 4, 5).Weights(kState));
  CHECK(gate.Weights(kState) != ReferenceGate(3, 4, 6).Weights(kState));
}

TEST_CASE("The gradient equals finite differences", "[router]") {
  const ReferenceGate gate(3, 4, 5);
  const std::vector<double> slope = {1.5, -0.5, 0.25};
  const std::vector<double> gradient = gate.Gradient(kState, slope);
  const std::vector<NamedArray> arrays = gate.ToTensors();
  for (size_t i = 0; i < gradient.size(); ++i) {
    double change = 0;
    for (const double sign : {1.0, -1.0}) {
      std::vector<NamedArray> moved = arrays;
      moved[1].values[i] += sign * 1e-6;
      REQUIRE_OK_AND_ASSIGN(const ReferenceGate other, ReferenceGate::FromTensors(moved));
      change += sign * Loss(other, slope);
    }
    REQUIRE_NEAR(gradient[i], change / 2e-6, 1e-8);
  }
}

TEST_CASE("The first step moves each weight by the learning rate, decay apart", "[router]") {
  ReferenceGate gate(2, 1, 1);
  const double before = gate.ToTensors()[1].values[0];
  gate.Step(std::vector<double>{0.25, 0});
  const double after = gate.ToTensors()[1].values[0];
  REQUIRE_NEAR(after, before * (1 - 1e-5) - 1e-3, 1e-9);
}

TEST_CASE("It is never read as a router that could serve", "[router]") {
  const std::vector<NamedArray> arrays = ReferenceGate(3, 4, 5).ToTensors();
  REQUIRE_STATUS(RouterFromTensors(arrays), absl::StatusCode::kFailedPrecondition,
                 "ROUTER_REFERENCE_ONLY");
  std::vector<NamedArray> both = RouterToTensors(UniformRouter(3));
  both.insert(both.end(), arrays.begin(), arrays.end());
  REQUIRE_STATUS(RouterFromTensors(both), absl::StatusCode::kFailedPrecondition,
                 "ROUTER_REFERENCE_ONLY");
  REQUIRE_STATUS(ReferenceGate::FromTensors(RouterToTensors(UniformRouter(3))),
                 absl::StatusCode::kInvalidArgument, "ROUTER_INVALID");
}

TEST_CASE("It returns from its arrays, and damaged ones are refused", "[router]") {
  const ReferenceGate gate(3, 4, 5);
  REQUIRE_OK_AND_ASSIGN(const ReferenceGate again, ReferenceGate::FromTensors(gate.ToTensors()));
  CHECK(again.Weights(kState) == gate.Weights(kState));
  using Arrays = std::vector<NamedArray>;
  const std::function<void(Arrays&)> damages[] = {
      [](Arrays& a) { a.clear(); },
      [](Arrays& a) { a.pop_back(); },
      [](Arrays& a) { a.push_back(a[1]); },
      [](Arrays& a) { a[0].name = "reference.other"; },
      [](Arrays& a) { a[0].values[0] = 2; },
      [](Arrays& a) { a[0].values[1] = 4; },
      [](Arrays& a) { a[0].values[2] = std::numeric_limits<double>::quiet_NaN(); },
      [](Arrays& a) { a[0].values.pop_back(); },
      [](Arrays& a) {
        a[1].shape = {1, 12};
      },
      [](Arrays& a) { a[1].shape = {12}; },
      [](Arrays& a) {
        a[1].shape = {-3, -4};
      },
      [](Arrays& a) { a[1].values.pop_back(); },
      [](Arrays& a) { a[1].values[3] = std::numeric_limits<double>::infinity(); },
  };
  int number = 0;
  for (const auto& damage : damages) {
    CAPTURE(number++);
    Arrays arrays = gate.ToTensors();
    damage(arrays);
    REQUIRE_STATUS(ReferenceGate::FromTensors(arrays), absl::StatusCode::kInvalidArgument,
                   "ROUTER_INVALID");
  }
}

}  // namespace
}  // namespace kalavai

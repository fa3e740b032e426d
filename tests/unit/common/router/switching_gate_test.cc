// Goal: the filter masks as if never built, and survives experts that exclude a token; its bound is
// in switching_bound_test.cc. Method: equal bits of a masked gate and of one built without the
// expert; hand-made tokens.
#include "common/router/switching_gate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "common/base/seeded_random.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

std::vector<std::vector<float>> RandomRows(int experts, int rows, SeededRandom& random) {
  std::vector<std::vector<float>> text(static_cast<size_t>(rows));
  for (std::vector<float>& row : text) {
    for (int i = 0; i < experts; ++i) row.push_back(static_cast<float>(-8 * random.Uniform()));
  }
  return text;
}

TEST_CASE("A masked uniform router is bit for bit the one built without the expert", "[router]") {
  SeededRandom random(13);
  const std::vector<std::vector<float>> text = RandomRows(4, 100, random);
  const RouterParameters all = UniformRouter(4);
  const RouterParameters three = UniformRouter(3);
  RouterSession masked(all);
  RouterSession without(three);
  masked.SetAllowed(std::vector<uint8_t>{1, 1, 0, 1});
  for (const auto& row : text) {
    const std::vector<double> w = {masked.Weights()[0], masked.Weights()[1], masked.Weights()[3]};
    CHECK(masked.Weights()[2] == 0);
    CHECK(std::equal(w.begin(), w.end(), without.Weights().begin()));
    std::vector<float> poisoned = row;
    poisoned[2] = std::numeric_limits<float>::quiet_NaN();  // a denied expert is never read
    const std::vector<float> rest = {row[0], row[1], row[3]};
    CHECK(masked.Read(poisoned, {}).value() == without.Read(rest, {}).value());
  }
}

TEST_CASE("An expert that joins the set enters with its prior", "[router]") {
  const RouterParameters router = UniformRouter(3);
  RouterSession session(router);
  session.SetAllowed(std::vector<uint8_t>{1, 1, 0});
  REQUIRE_OK(session.Read(std::vector<float>{-1, -3, 0}, {}));
  session.SetAllowed(std::vector<uint8_t>{1, 1, 1});
  double sum = 0;
  for (const double weight : session.Weights()) sum += weight;
  REQUIRE_NEAR(sum, 1, 1e-12);
  REQUIRE_NEAR(session.Weights()[2], (1.0 / 3) / (1 + 1.0 / 3), 1e-12);
  session.SetAllowed(std::vector<uint8_t>{0, 0, 1});
  CHECK(session.Weights()[2] == 1);
}

TEST_CASE("Impossible tokens and damaged experts are told apart", "[router]") {
  const float inf = std::numeric_limits<float>::infinity();
  SwitchingGate gate(0.01, std::vector<double>{0.5, 0.5});
  REQUIRE_NEAR(gate.Observe(std::vector<float>{-inf, -1}).value(), -1 + std::log(0.5), 1e-12);
  CHECK(gate.Weights()[0] == 0);
  gate.Advance(std::vector<double>{0.5, 0.5});
  REQUIRE_NEAR(gate.Weights()[0], 0.005, 1e-12);
  const std::vector<double> before(gate.Weights().begin(), gate.Weights().end());
  CHECK(gate.Observe(std::vector<float>{-inf, -inf}).value() ==
        -std::numeric_limits<double>::infinity());
  CHECK(std::equal(before.begin(), before.end(), gate.Weights().begin()));
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), inf}) {
    REQUIRE_STATUS(gate.Observe(std::vector<float>{-1, bad}), absl::StatusCode::kInvalidArgument,
                   "MEASUREMENT_INVALID");
    CHECK(std::equal(before.begin(), before.end(), gate.Weights().begin()));
  }
}

TEST_CASE("Without forgetting an expert thousands of nats behind comes back", "[router]") {
  SwitchingGate gate(0, std::vector<double>{0.5, 0.5});
  for (const auto& row : {std::vector<float>{-5000, 0}, std::vector<float>{0, -5010}}) {
    REQUIRE_OK(gate.Observe(row));
    gate.Advance(std::vector<double>{0.5, 0.5});
  }
  CHECK(gate.Weights()[0] > 0.9999);
}

TEST_CASE("The smallest set reaches its mass and keeps its limit", "[router]") {
  const std::vector<double> weights = {0.02, 0.5, 0.4, 0.08};
  CHECK(SmallestSet(weights, 0.95, 2) == std::vector<int>{1, 2});
  CHECK(SmallestSet(weights, 0.95, 4) == std::vector<int>{1, 2, 3});
  CHECK(SmallestSet(weights, 0.5, 2) == std::vector<int>{1});
  CHECK(SmallestSet(weights, 0, 2).size() == 1);
}

}  // namespace
}  // namespace kalavai

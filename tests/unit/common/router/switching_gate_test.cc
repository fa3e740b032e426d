// Goal: the filter keeps its bound for every sequence of experts, masks as if never built, and
// survives experts that exclude a token. Method: best sequences with K switches by dynamic
// programming over random experts; equal bits of a masked gate and of one built without the expert;
// hand-made tokens.
#include "common/router/switching_gate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "common/base/seeded_random.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

using Rows = std::vector<std::vector<float>>;

// Experts that are good for a while, one after the other.
Rows RandomRows(int experts, int rows, SeededRandom& random) {
  Rows text;
  int speaker = 0;
  for (int t = 0; t < rows; ++t) {
    if (random.Uniform() < 0.05) speaker = static_cast<int>(random.Below(experts));
    std::vector<float> row;
    for (int i = 0; i < experts; ++i) {
      row.push_back(static_cast<float>(-(i == speaker ? 1 : 4) * random.Uniform() * 2));
    }
    text.push_back(row);
  }
  return text;
}

double GateLoss(const Rows& text, double alpha, const std::vector<double>& prior) {
  SwitchingGate gate(alpha, prior);
  double loss = 0;
  for (const auto& row : text) {
    REQUIRE_OK_AND_ASSIGN(const double mixed, gate.Observe(row));
    loss -= mixed;
    gate.Advance(prior);
  }
  return loss;
}

// Smallest loss of a sequence of experts with exactly K switches, K = 0 … 2.
std::vector<double> BestSequences(const Rows& text, size_t experts) {
  const double inf = std::numeric_limits<double>::infinity();
  std::vector<std::vector<double>> best(3, std::vector<double>(experts, inf));
  for (size_t t = 0; t < text.size(); ++t) {
    std::vector<std::vector<double>> next(3, std::vector<double>(experts, inf));
    for (size_t k = 0; k < 3; ++k) {
      for (size_t i = 0; i < experts; ++i) {
        double before = t == 0 ? (k == 0 ? 0 : inf) : best[k][i];
        for (size_t j = 0; t > 0 && k > 0 && j < experts; ++j) {
          if (j != i) before = std::min(before, best[k - 1][j]);
        }
        next[k][i] = before - static_cast<double>(text[t][i]);
      }
    }
    best = next;
  }
  std::vector<double> result;
  for (const auto& row : best) result.push_back(*std::min_element(row.begin(), row.end()));
  return result;
}

TEST_CASE("The loss is within the bound of every sequence of experts", "[router]") {
  SeededRandom random(11);
  for (const int experts : {2, 5}) {
    const std::vector<double> prior(static_cast<size_t>(experts), 1.0 / experts);
    for (int repeat = 0; repeat < 10; ++repeat) {
      const int rows = 60;
      const Rows text = RandomRows(experts, rows, random);
      const std::vector<double> best = BestSequences(text, static_cast<size_t>(experts));
      for (const double alpha : {0.001, 0.003, 0.05, 0.5}) {
        const double loss = GateLoss(text, alpha, prior);
        for (int switches = 0; switches < 3; ++switches) {
          const double bound = best[static_cast<size_t>(switches)] + std::log(experts) +
                               switches * std::log(experts / alpha) -
                               (rows - 1 - switches) * std::log1p(-alpha);
          CHECK(loss <= bound + 1e-9);
        }
      }
      CHECK(GateLoss(text, 0, prior) <= best[0] + std::log(experts) + 1e-9);
    }
  }
}

TEST_CASE("With a learned prior the bound has eta in it", "[router]") {
  SeededRandom random(12);
  const double eta = 0.05;
  const int experts = 3;
  const Rows text = RandomRows(experts, 80, random);
  const std::vector<double> best = BestSequences(text, 3);
  // The worst prior: all on one expert, whichever.
  for (size_t sure = 0; sure < 3; ++sure) {
    std::vector<double> prior(3, eta / experts);
    prior[sure] += 1 - eta;
    const double alpha = 0.01;
    const double loss = GateLoss(text, alpha, prior);
    for (int switches = 0; switches < 3; ++switches) {
      CHECK(loss <= best[static_cast<size_t>(switches)] + std::log(experts / eta) +
                        switches * std::log(experts / (alpha * eta)) -
                        (79 - switches) * std::log1p(-alpha) + 1e-9);
    }
  }
}

TEST_CASE("A masked uniform router is bit for bit the one built without the expert", "[router]") {
  SeededRandom random(13);
  const Rows text = RandomRows(4, 100, random);
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

// Goal: the simpler rung stays unless the more complex one wins by more than noise; collapse is
// passed over. Method: paired losses and errors by hand; a ladder of made-up figures.
#include "common/router/router_ladder.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Judging texts are whole chunks and a quarter of spliced ones", "[router]") {
  const std::vector<std::vector<int64_t>> chunks = {{0, 1, 2}, {3}};
  const WeightedTexts texts = JudgingTexts(chunks);
  double pure = 0;
  double spliced = 0;
  std::set<std::pair<int64_t, int64_t>> seen;
  for (size_t k = 0; k < texts.source.size(); ++k) {
    const auto [first, second] = texts.source[k];
    CHECK(seen.emplace(first, second).second);  // none twice
    (first == second ? pure : spliced) += texts.weight[k];
    if (first == 3 && second == 3) REQUIRE_NEAR(texts.weight[k], 0.375, 1e-15);
  }
  REQUIRE_NEAR(pure, 0.75, 1e-15);
  REQUIRE_NEAR(spliced, 0.25, 1e-15);
  CHECK(texts.source.size() == 4 + 6);
  const WeightedTexts alone = JudgingTexts({{0, 1}});
  CHECK(alone.source.size() == 2);
  CHECK(alone.weight == std::vector<double>{0.5, 0.5});
}

TEST_CASE("No more texts are spliced than asked for", "[router]") {
  CHECK(SpliceAll({{0, 1, 2}, {3, 4}, {5}}, 2).size() == 4 * 2 + 2 * 2);
  CHECK(SpliceAll({{0}, {1}}, 8).size() == 2);
  CHECK(SpliceAll({{0, 1}}, 8).empty());
  CHECK(SplicesPerPair(1, 8) == 8);
  CHECK(SplicesPerPair(11, 8) == 8);
  CHECK(SplicesPerPair(21, 8) == 2);
  CHECK(SplicesPerPair(64, 8) == 1);
}

TEST_CASE("The standard error is that of the paired differences", "[router]") {
  // One domain, whole chunks: the textbook s/√n, here of differences -1, -2, -3, -6.
  const std::vector<std::vector<int64_t>> chunks = {{4, 5, 6, 7}};
  const WeightedTexts texts = JudgingTexts(chunks);
  const std::vector<double> simple = {10, 20, 30, 40};
  const std::vector<double> complex = {9, 18, 27, 34};
  const PairedComparison paired = ComparePaired(chunks, texts, simple, complex);
  REQUIRE_NEAR(paired.difference, -3, 1e-12);
  REQUIRE_NEAR(paired.standard_error, std::sqrt((4 + 1 + 0 + 9) / 3.0 / 4), 1e-12);
  CHECK(paired.ComplexWins());
  CHECK_FALSE(ComparePaired(chunks, texts, complex, simple).ComplexWins());
}

TEST_CASE("Domains that differ are no error, chunks that differ are", "[router]") {
  const std::vector<std::vector<int64_t>> chunks = {{0, 1}, {2, 3}};
  const WeightedTexts texts{.source = {{0, 0}, {1, 1}, {2, 2}, {3, 3}},
                            .weight = {0.25, 0.25, 0.25, 0.25}};
  const std::vector<double> simple = {5, 5, 5, 5};
  const auto compare = [&](const std::vector<double>& complex) {
    return ComparePaired(chunks, texts, simple, complex);
  };
  CHECK(compare({4, 4, 1, 1}).standard_error == 0);
  // Influences ±1/4 about the domain's mean: 2/1 · 2/16.
  REQUIRE_NEAR(compare({3, 5, 3, 3}).standard_error, std::sqrt(2 * 2 / 16.0), 1e-12);
  CHECK_FALSE(compare({5, 5, 5, 5}).ComplexWins());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(compare({nan, 1, 1, 1}).ComplexWins());
}

TEST_CASE("A win within one standard error leaves the simpler rung", "[router]") {
  const std::vector<std::vector<int64_t>> chunks = {{0, 1}};
  const WeightedTexts texts = JudgingTexts(chunks);
  const std::vector<double> simple = {1, 1};
  // Differences -0.3 and 0.1: mean -0.1, standard error 0.2.
  CHECK_FALSE(ComparePaired(chunks, texts, simple, std::vector<double>{0.7, 1.1}).ComplexWins());
  // -0.5 and -0.1: mean -0.3, standard error 0.2.
  CHECK(ComparePaired(chunks, texts, simple, std::vector<double>{0.5, 0.9}).ComplexWins());
}

TEST_CASE("A lone chunk has no spread and buys nothing", "[router]") {
  const std::vector<std::vector<int64_t>> chunks = {{0}, {1}};
  const WeightedTexts texts{.source = {{0, 0}, {1, 1}}, .weight = {0.5, 0.5}};
  const PairedComparison paired =
      ComparePaired(chunks, texts, std::vector<double>{2, 2}, std::vector<double>{2, 0});
  CHECK(paired.difference == -1);
  CHECK(paired.standard_error == 1);
  CHECK_FALSE(paired.ComplexWins());
}

TEST_CASE("A spliced text counts for both of its chunks", "[router]") {
  const std::vector<std::vector<int64_t>> chunks = {{0, 1}, {2, 3}};
  const WeightedTexts texts{.source = {{0, 2}, {1, 3}}, .weight = {0.5, 0.5}};
  const PairedComparison paired =
      ComparePaired(chunks, texts, std::vector<double>{0, 0}, std::vector<double>{-2, 0});
  CHECK(paired.difference == -1);
  // Each domain has influences -1 and 0: 2 · 2 · (1/4 + 1/4).
  REQUIRE_NEAR(paired.standard_error, std::sqrt(2.0), 1e-12);
}

TEST_CASE("The ladder takes the first rung that has not collapsed, else the least loss",
          "[router]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto choose = [](double trained, double ridge, double uniform,
                         RouterRung kept = RouterRung::kTrained) {
    const std::vector<RungEvaluation> rungs = {{RouterRung::kTrained, trained},
                                               {RouterRung::kRidge, ridge},
                                               {RouterRung::kUniform, uniform}};
    return ChooseRung(rungs, kept, 2, 0.02);
  };
  CHECK(choose(2.01, 2, 2).index == 0);
  CHECK(choose(2.01, 2, 2).reason.empty());
  CHECK(choose(2.03, 2.01, 2).index == 1);
  CHECK(choose(nan, 2.03, 2.01).index == 2);
  CHECK_FALSE(choose(nan, 2.03, 2.01).collapsed);
  CHECK(choose(3, 3, 3).collapsed);
  CHECK(choose(3, 3, 3).reason.find("ridge router collapsed") != std::string::npos);
  // All collapsed: the least loss, of equal ones the simplest; NaN is never the least.
  CHECK(choose(2.5, 2.2, 3).index == 1);
  CHECK(choose(2.5, 2.2, 3).collapsed);
  CHECK(choose(2.1, 2.2, 3).index == 0);
  CHECK(choose(2.1, 2.2, 3, RouterRung::kRidge).index == 1);
  CHECK(choose(3, 3, 3).index == 2);
  CHECK(choose(2.5, 2.2, nan).index == 1);
  CHECK(choose(2.5, nan, nan).index == 0);
  CHECK(choose(nan, nan, nan).index == 2);
  CHECK(choose(nan, nan, nan).collapsed);
  // A rung that lost on the held-out third is passed over in silence.
  CHECK(choose(2, 2.01, 2.01, RouterRung::kRidge).index == 1);
  CHECK(choose(2, 2, 2.01, RouterRung::kUniform).index == 2);
  CHECK(choose(2, 2, 2.01, RouterRung::kUniform).reason.empty());
  CHECK(choose(2, 2.03, 2.01, RouterRung::kRidge).index == 2);
}

}  // namespace
}  // namespace kalavai

// Goal: the prior is the ridge solution, names the expert of each domain, and refuses what it must.
// Method: a one-dimensional case in closed form; synthetic domains; statistics without variance.
#include "common/router/ridge_prior.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/common/router/synthetic_probe.h"

namespace kalavai {
namespace {

TEST_CASE("One feature and two classes have the closed form", "[router]") {
  // Summaries (±2, 1), two of each class, and noise of ±1 about them: class means m = ±2, variance
  // about the common mean v = 4 + 1.
  const auto class_at = [](double mean) {
    ClassStatistics statistics = EmptyStatistics("class", 1);
    for (const double noise : {-1.0, 1.0}) {
      const double y[2] = {mean + noise, 1};
      for (size_t i = 0; i < 2; ++i) {
        statistics.sum[i] += y[i];
        for (size_t j = 0; j < 2; ++j) statistics.product[2 * i + j] += y[i] * y[j];
      }
      statistics.count += 1;
    }
    statistics.chunks = 1;
    return statistics;
  };
  const ClassStatistics low = class_at(-2);
  const ClassStatistics high = class_at(2);
  const std::vector<RidgeClass> classes = {{&low, 0}, {&high, 1}};
  const double lambda = 0.25;
  REQUIRE_OK_AND_ASSIGN(const RouterParameters router,
                        SolveRidge(classes, 2, {.ridge = lambda, .temperature = 3}));
  REQUIRE(router.transform.features == 1);
  // z = a y with a = 1/√(1.001 v): the whitening floor adds a thousandth.
  const double variance = 5;
  const double a = router.transform.matrix[0];
  REQUIRE_NEAR(a * a, 1 / (1.001 * variance), 1e-12);
  REQUIRE_NEAR(router.transform.matrix[1], 0, 1e-12);  // the common mean is 0
  // w = cov(target, z) / (var z (1 + λ)), target 1 for the class and 0 else: cov = ± a m / 2.
  const double scale = a * a * variance * (1 + lambda);
  REQUIRE_NEAR(router.weight[0], 3 * (-2 * a / 2) / scale, 1e-12);
  REQUIRE_NEAR(router.weight[1], 3 * (2 * a / 2) / scale, 1e-12);
  // The intercept is the class's share.
  REQUIRE_NEAR(router.bias[0], 3 * 0.5, 1e-12);
  REQUIRE_NEAR(router.bias[1], 3 * 0.5, 1e-12);
}

TEST_CASE("The ridge prior names the expert of each domain", "[router]") {
  for (const int features_max : {96, 6}) {
    const testing::SyntheticProbe probe({.members = 3});
    const ProbeData data = probe.Data();
    const std::vector<ClassStatistics> classes = testing::StatisticsOf(data);
    const std::vector<RidgeClass> who = {{&classes[0], 1}, {&classes[1], 2}, {&classes[2], 3}};
    REQUIRE_OK_AND_ASSIGN(const RouterParameters router,
                          SolveRidge(who, 4, {.features_max = features_max}));
    CHECK(router.transform.features == std::min(features_max, 12));
    std::vector<double> prior(4);
    for (int64_t c = 0; c < data.chunks(); ++c) {
      GateFeatures features(router.transform, router.half_life, router.shrinkage);
      for (size_t t = 0; t < 40; ++t) features.Push(data.ChunkHidden(c).subspan(t * 12, 12));
      ComputePrior(router, features.Features(), std::vector<uint8_t>(4, 1), prior);
      const size_t domain = static_cast<size_t>(data.domain[static_cast<size_t>(c)]);
      CHECK(std::max_element(prior.begin(), prior.end()) - prior.begin() ==
            static_cast<std::ptrdiff_t>(domain + 1));
    }
  }
}

TEST_CASE("A class weighs the same however much text it has", "[router]") {
  const testing::SyntheticProbe probe({.members = 2});
  std::vector<ClassStatistics> classes = testing::StatisticsOf(probe.Data());
  const auto solve = [&classes] {
    const std::vector<RidgeClass> who = {{&classes[0], 1}, {&classes[1], 2}};
    return SolveRidge(who, 3).value();
  };
  const RouterParameters once = solve();
  const ClassStatistics copy = classes[0];
  for (int i = 0; i < 3; ++i) Merge(copy, classes[0]);  // four times the text: exact in binary
  CHECK(solve().weight == once.weight);
  CHECK(solve().bias == once.bias);
}

TEST_CASE("Temperature scales scores and nothing else", "[router]") {
  const testing::SyntheticProbe probe({.members = 2});
  const std::vector<ClassStatistics> classes = testing::StatisticsOf(probe.Data());
  const std::vector<RidgeClass> who = {{&classes[0], 1}, {&classes[1], 2}};
  REQUIRE_OK_AND_ASSIGN(const RouterParameters router, SolveRidge(who, 3, {.temperature = 8}));
  const RouterParameters cool = WithTemperature(router, 8, 4);
  CHECK(cool.transform.matrix == router.transform.matrix);
  for (size_t i = 0; i < router.weight.size(); ++i) CHECK(cool.weight[i] == router.weight[i] / 2);
  for (size_t i = 0; i < router.bias.size(); ++i) CHECK(cool.bias[i] == router.bias[i] / 2);
  REQUIRE_OK_AND_ASSIGN(const RouterParameters solved, SolveRidge(who, 3, {.temperature = 4}));
  for (size_t i = 0; i < router.weight.size(); ++i) {
    REQUIRE_NEAR(solved.weight[i], cool.weight[i], 1e-12);
  }
}

TEST_CASE("States that never vary cannot be factored", "[router]") {
  ClassStatistics still = EmptyStatistics("still", 3);
  AddText(std::vector<float>(3 * 64, 0), kGateHalfLifeTokens, kGateShrinkage, still);
  const std::vector<RidgeClass> who = {{&still, 1}};
  REQUIRE_STATUS(SolveRidge(who, 2), absl::StatusCode::kFailedPrecondition, "ROUTER_INVALID");
}

TEST_CASE("No class, another width and an unknown expert are refused", "[router]") {
  const testing::SyntheticProbe probe({.members = 1});
  const ClassStatistics good = testing::StatisticsOf(probe.Data())[0];
  ClassStatistics narrow = EmptyStatistics("narrow", 4);
  AddText(std::vector<float>(4 * 64, 1), kGateHalfLifeTokens, kGateShrinkage, narrow);
  const std::vector<std::vector<RidgeClass>> bad = {
      {}, {{&good, 3}}, {{&good, -1}}, {{&good, 1}, {&narrow, 2}}};
  for (const std::vector<RidgeClass>& classes : bad) {
    REQUIRE_STATUS(SolveRidge(classes, 3), absl::StatusCode::kInvalidArgument,
                   "MEMBER_STATISTICS_INVALID");
  }
}

}  // namespace
}  // namespace kalavai

// Goal: the gradient of a batch is that of its mean loss, with the same bits on any number of
// threads, and those of one loop over all rows.
// Method: central differences; a plain loop written here; threads 1, 2, 3, 7.
#include "common/router/batch_gradient.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "common/router/linear_algebra.h"
#include "common/router/ridge_prior.h"
#include "tests/support/catch.h"
#include "tests/unit/common/router/synthetic_probe.h"

namespace kalavai {
namespace {

const std::vector<TextSource> kBatch = {{0, 0}, {3, 1}, {5, 5}, {4, 2}, {1, 1}};

RouterParameters Start(const ProbeData& data, int features) {
  const std::vector<ClassStatistics> classes = testing::StatisticsOf(data);
  std::vector<RidgeClass> who;
  for (size_t d = 0; d < classes.size(); ++d) {
    who.push_back({&classes[d], static_cast<int>(d) + 1});
  }
  RouterParameters router = SolveRidge(who, data.experts, {.features_max = features}).value();
  router.alpha = 0.02;
  return router;
}

TEST_CASE("A batch's gradient has the bits of one loop over its rows", "[router]") {
  const testing::SyntheticProbe probe({.members = 2, .chunks = 3, .rows = 33, .width = 23});
  const ProbeData data = probe.Data();
  const RouterParameters router = Start(data, 19);
  ForkJoin alone(1);
  const RouterTexts plain(data, router, alone);
  std::vector<double> weight(3 * 19, 0), bias(3, 0);
  double loss = 0, alpha = 0;
  const double tokens = 5 * 33;
  for (const TextSource& source : kBatch) {
    RouterText text;
    plain.Make(source, text);
    std::vector<double> logits(33 * 3);
    for (size_t at = 0; at < logits.size(); ++at) {
      logits[at] = DotProduct(&router.weight[at % 3 * 19], &text.features[at / 3 * 19], 19) +
                   router.bias[at % 3];
    }
    FilterGradient filter(3, router.eta);
    loss += filter.Forward(text.likelihoods, logits, router.alpha);
    filter.Backward();
    alpha += filter.AlphaLogit() / tokens;
    for (size_t at = 0; at < logits.size(); ++at) {
      const double gradient = filter.Logits()[at] / tokens;
      bias[at % 3] += gradient;
      for (size_t k = 0; k < 19; ++k) {
        const double product = gradient * text.features[at / 3 * 19 + k];
        weight[at % 3 * 19 + k] += product;
      }
    }
  }
  for (const int threads : {1, 2, 3, 7}) {
    INFO(threads);
    ForkJoin workers(threads);
    const RouterTexts texts(data, router, workers);
    BatchGradient gradient(texts, workers);
    for (int repeat = 0; repeat < 3; ++repeat) {
      CHECK(gradient.Compute(router, kBatch) == loss / tokens);
      CHECK(std::vector<double>(gradient.Weight().begin(), gradient.Weight().end()) == weight);
      CHECK(std::vector<double>(gradient.Bias().begin(), gradient.Bias().end()) == bias);
      CHECK(gradient.AlphaLogit() == alpha);
    }
  }
}

TEST_CASE("A batch's gradient equals finite differences of its loss", "[router]") {
  const testing::SyntheticProbe probe({.members = 2, .chunks = 3, .rows = 33});
  const ProbeData data = probe.Data();
  const RouterParameters router = Start(data, 5);
  ForkJoin workers(2);
  const RouterTexts texts(data, router, workers);
  BatchGradient gradient(texts, workers);
  BatchGradient other(texts, workers);
  gradient.Compute(router, kBatch);
  const double step = 1e-5;
  const auto difference = [&](auto&& move) {
    RouterParameters up = router, down = router;
    move(up, step);
    move(down, -step);
    return (other.Compute(up, kBatch) - other.Compute(down, kBatch)) / (2 * step);
  };
  for (size_t k = 0; k < router.weight.size(); ++k) {
    const double slope =
        difference([k](RouterParameters& moved, double by) { moved.weight[k] += by; });
    REQUIRE_NEAR(gradient.Weight()[k], slope, 1e-8);
  }
  for (size_t i = 0; i < router.bias.size(); ++i) {
    const double slope =
        difference([i](RouterParameters& moved, double by) { moved.bias[i] += by; });
    REQUIRE_NEAR(gradient.Bias()[i], slope, 1e-8);
  }
  const double logit = std::log(router.alpha / (1 - router.alpha));
  const double slope = difference([logit](RouterParameters& moved, double by) {
    moved.alpha = 1 / (1 + std::exp(-(logit + by)));
  });
  REQUIRE_NEAR(gradient.AlphaLogit(), slope, 1e-8);
}

TEST_CASE("A batch may be smaller or larger than the last", "[router]") {
  const testing::SyntheticProbe probe({.members = 2, .chunks = 3, .rows = 33});
  const ProbeData data = probe.Data();
  const RouterParameters router = Start(data, 5);
  ForkJoin workers(2);
  const RouterTexts texts(data, router, workers);
  BatchGradient used(texts, workers), fresh(texts, workers);
  used.Compute(router, kBatch);
  const std::vector<TextSource> one = {{2, 2}};
  CHECK(used.Compute(router, one) == fresh.Compute(router, one));
  CHECK(used.AlphaLogit() == fresh.AlphaLogit());
  CHECK(used.Compute(router, kBatch) == fresh.Compute(router, kBatch));
}

TEST_CASE("Texts are judged as a batch of one", "[router]") {
  const testing::SyntheticProbe probe({.members = 2, .chunks = 3, .rows = 33});
  const ProbeData data = probe.Data();
  const std::vector<RouterParameters> routers = {UniformRouter(3), Start(data, 5)};
  for (const int threads : {1, 2, 3, 7}) {
    ForkJoin workers(threads);
    const RouterTexts texts(data, routers[1], workers);
    const std::vector<std::vector<double>> losses = JudgeTexts(texts, routers, kBatch, workers);
    REQUIRE(losses.size() == 2);
    BatchGradient batch(texts, workers);
    for (size_t k = 0; k < kBatch.size(); ++k) {
      const std::vector<TextSource> one = {kBatch[k]};
      CHECK(losses[1][k] == batch.Compute(routers[1], one));
      CHECK(losses[0][k] != losses[1][k]);
    }
  }
}

}  // namespace
}  // namespace kalavai

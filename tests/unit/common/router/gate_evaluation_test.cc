// Goal: batch figures are those of streaming, baselines are their definitions.
// Method: a session fed by hand against EvaluateRouter, bit by bit; small cases by hand.
#include "common/router/gate_evaluation.h"

#include <cmath>
#include <vector>

#include "common/router/router_texts.h"
#include "common/router/router_training.h"
#include "common/router/switching_gate.h"
#include "tests/support/catch.h"
#include "tests/unit/common/router/synthetic_probe.h"

namespace kalavai {
namespace {

TEST_CASE("Streaming gives the numbers of the batch", "[router]") {
  const testing::SyntheticProbe probe({.chunks = 6});
  const ProbeData data = probe.Data();
  REQUIRE_OK_AND_ASSIGN(const TrainedRouter router, TrainRouter(data, {}, {.steps = 5}));
  REQUIRE_OK_AND_ASSIGN(const GateEvaluation batch,
                        EvaluateRouter(router.trained, data, {.keep_token_weights = true}));
  ForkJoin workers(1);
  const RouterTexts texts(data, router.trained, workers);
  RouterText text;
  for (int64_t c = 0; c < data.chunks(); ++c) {
    RouterSession session(router.trained);
    GateFeatures features(router.trained.transform, router.trained.half_life,
                          router.trained.shrinkage);
    texts.Make({c, c}, text);
    double loss = 0;
    for (size_t t = 0; t < 64; ++t) {
      const size_t at = (static_cast<size_t>(c) * 64 + t) * 4;
      for (size_t i = 0; i < 4; ++i) {
        CHECK(batch.token_weights[at + i] == static_cast<float>(session.Weights()[i]));
      }
      for (size_t k = 0; k < 12; ++k) {
        CHECK(text.features[t * 12 + k] == features.Features()[k]);
      }
      const std::span<const float> hidden = data.ChunkHidden(c).subspan(t * 12, 12);
      features.Push(hidden);
      loss -= session.Read(data.ChunkLogProb(c).subspan(t * 4, 4), hidden).value();
    }
    CHECK(batch.chunk_loss[static_cast<size_t>(c)] == loss / 64);
  }
}

TEST_CASE("The first token is weighed by the bias alone", "[router]") {
  const testing::SyntheticProbe probe({.chunks = 6});
  REQUIRE_OK_AND_ASSIGN(const TrainedRouter router, TrainRouter(probe.Data(), {}, {.steps = 5}));
  const RouterSession session(router.ridge);
  std::vector<double> prior(4);
  ComputePrior(router.ridge, std::vector<double>(12, 0), std::vector<uint8_t>(4, 1), prior);
  CHECK(std::equal(prior.begin(), prior.end(), session.Weights().begin()));
}

TEST_CASE("Baselines are their definitions", "[router]") {
  const std::vector<float> log_prob = {-1, -2, -3, -1, -2, -2, -1, -4};
  const std::vector<float> hidden(4, 0);
  const std::vector<int32_t> domain = {0, 1};
  const std::vector<int32_t> chunk = {0, 0};
  const ProbeData data{.experts = 2,
                       .width = 1,
                       .rows = 2,
                       .domains = {"a", "b"},
                       .log_prob = log_prob,
                       .hidden = hidden,
                       .domain = domain,
                       .chunk = chunk};
  REQUIRE_OK(ValidateProbeData(data));
  CHECK(EvaluateExpert(data, 0).domain_loss == std::vector<double>{2, 1.5});
  CHECK(EvaluateExpert(data, 1).domain_loss == std::vector<double>{1.5, 3});
  CHECK(EvaluateDomainOracle(data).domain_loss == std::vector<double>{1.5, 1.5});
  CHECK(EvaluateTokenOracle(data).domain_loss == std::vector<double>{1, 1.5});
  const double first = -std::log((std::exp(-1) + std::exp(-2)) / 2);
  const double second = -std::log((std::exp(-3) + std::exp(-1)) / 2);
  REQUIRE_NEAR(EvaluateUniform(data).domain_loss[0], (first + second) / 2, 1e-12);
  CHECK(ExpertChunkLosses(data)[1][1] == std::vector<double>{3});
  RouterParameters no_forgetting = UniformRouter(2);
  no_forgetting.alpha = 0;
  REQUIRE_OK_AND_ASSIGN(const GateEvaluation gate, EvaluateRouter(no_forgetting, data));
  const GateEvaluation evidence = EvaluateDecayedEvidence(data, 1);
  for (size_t c = 0; c < 2; ++c) REQUIRE_NEAR(gate.chunk_loss[c], evidence.chunk_loss[c], 1e-12);
}

TEST_CASE("A router of another size is refused", "[router]") {
  const testing::SyntheticProbe probe({});
  REQUIRE_STATUS(EvaluateRouter(UniformRouter(3), probe.Data()), absl::StatusCode::kInvalidArgument,
                 "ROUTER_INVALID");
}

}  // namespace
}  // namespace kalavai

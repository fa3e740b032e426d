// Goal: what is served is what was judged: both mixtures, token by token; one expert alone is that
// expert; who may not speak is not heard.
// Method: tiny models of different opinions; texts read token by token as a generation reads them,
// against the losses that a fusion's report gives.
#include "coordinator/serving/fused_decoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "common/model/logit_mixture.h"
#include "common/probe/probe_arrays.h"
#include "common/probe/probe_pass.h"
#include "common/router/gate_evaluation.h"
#include "tests/support/mixed_models.h"

namespace kalavai::coordinator {
namespace {

// The text of one chunk, the gate's weights before each token and the served log p of it.
struct Served {
  std::vector<double> log_p;
  std::vector<std::vector<double>> weights;
  std::vector<at::Tensor> log_probs_V;
};

Served TeacherForce(std::span<const Transformer> experts, const RouterParameters& router,
                    std::span<const int32_t> tokens, size_t prompt) {
  const c10::InferenceMode inference;
  FusedDecoder decoder(experts, router);
  REQUIRE_OK(decoder.ReadPrompt(tokens.first(prompt), static_cast<int64_t>(tokens.size())));
  Served served;
  for (size_t t = prompt; t < tokens.size(); ++t) {
    served.log_probs_V.push_back(decoder.LogProbs().value());
    served.weights.emplace_back(decoder.Weights().begin(), decoder.Weights().end());
    served.log_p.push_back(served.log_probs_V.back()[tokens[t]].item<double>());
    if (t + 1 < tokens.size()) REQUIRE_OK(decoder.Advance(tokens[t]));
  }
  return served;
}

TEST_CASE("The judged losses are the mean -log p of what is served", "[serving]") {
  const testing::MixedModels models({1, 20, 40});
  const ProbeText probe = testing::RandomProbe(2, 16);
  std::vector<ProbeCache> caches;
  for (size_t i = 0; i < 3; ++i) {
    REQUIRE_OK_AND_ASSIGN(ProbeCache cache,
                          RunProbePass(models.paths[i].directory, models.paths[i].digest, probe,
                                       {.features = i == 0}));
    caches.push_back(std::move(cache));
  }
  const std::vector<const ProbeCache*> pointers = {&caches[0], &caches[1], &caches[2]};
  REQUIRE_OK_AND_ASSIGN(const ProbeArrays arrays,
                        ProbeArrays::Assemble(probe, pointers, ProbePart::kEvaluation));
  RouterParameters router = UniformRouter(3);
  router.alpha = 0.05;
  REQUIRE_OK_AND_ASSIGN(const GateEvaluation probability, EvaluateRouter(router, arrays.data()));
  std::vector<WeighedText> texts;
  for (int64_t c = 0; c < 4; ++c) {
    REQUIRE_OK_AND_ASSIGN(std::vector<float> weights, GateWeights(router, arrays.data(), {c, c}));
    texts.push_back({.source = {c, c}, .weights = std::move(weights)});
  }
  REQUIRE_OK_AND_ASSIGN(const auto logit,
                        RunLogitPass(models.paths, probe, arrays.chunks(), texts, {}));
  for (int64_t c = 0; c < 4; ++c) {
    const auto chunk = static_cast<size_t>(c);
    router.mixture = Mixture::kProbability;
    const Served mean = TeacherForce(models.loaded, router, probe.Chunk(c), 1);
    router.mixture = Mixture::kLogit;
    const Served product = TeacherForce(models.loaded, router, probe.Chunk(c), 1);
    CHECK(product.weights == mean.weights);  // one gate for both
    double loss = 0;
    for (size_t t = 0; t < 15; ++t) {
      INFO("chunk " << c << ", row " << t);
      loss -= mean.log_p[t] / 15;
      REQUIRE_NEAR(product.log_p[t], logit[chunk][t], 1e-4);
      for (size_t i = 0; i < 3; ++i) {
        REQUIRE_NEAR(product.weights[t][i], texts[chunk].weights[3 * t + i], 1e-5);
      }
      REQUIRE_NEAR(product.log_probs_V[t].to(at::kDouble).exp().sum().item<double>(), 1, 1e-5);
    }
    REQUIRE_NEAR(loss, probability.chunk_loss[chunk], 1e-5);
    // A longer prompt is read at once, to the same distribution.
    const Served later = TeacherForce(models.loaded, router, probe.Chunk(c), 9);
    REQUIRE_NEAR(later.log_p.back(), product.log_p.back(), 1e-4);
  }
}

TEST_CASE("One expert alone is that expert, in both mixtures", "[serving]") {
  const testing::MixedModels models({1, 20});
  const ProbeText probe = testing::RandomProbe(1, 16);
  const c10::InferenceMode inference;
  for (const Mixture mixture : {Mixture::kProbability, Mixture::kLogit}) {
    RouterParameters router = UniformRouter(2);
    router.mixture = mixture;
    FusedDecoder decoder(models.loaded, router);
    decoder.Restrict(std::vector<uint8_t>{0, 0});  // the base always may
    REQUIRE_OK(decoder.ReadPrompt(probe.Chunk(0).first(8), 16));
    CHECK(decoder.Weights()[0] == 1);
    const auto tokens = probe.Chunk(0).first(8);
    const at::Tensor tokens_1T =
        at::tensor(std::vector<int64_t>(tokens.begin(), tokens.end())).unsqueeze(0);
    REQUIRE_OK_AND_ASSIGN(const ForwardResult alone,
                          Forward(models.loaded[0], tokens_1T, nullptr, {}));
    const at::Tensor expected = alone.logits_BTV[0][7].log_softmax(0);
    CHECK((decoder.LogProbs().value() - expected).abs().max().item<double>() < 1e-5);
  }
}

TEST_CASE("An absurd expert bends a served mixture of logits, which stays a distribution",
          "[serving]") {
  const testing::MixedModels models({1, 1e34});
  const ProbeText probe = testing::RandomProbe(1, 16);
  const c10::InferenceMode inference;
  RouterParameters router = UniformRouter(2);
  const auto served = [&](Mixture mixture) {
    router.mixture = mixture;
    return TeacherForce(models.loaded, router, probe.Chunk(0), 1);
  };
  const Served probability = served(Mixture::kProbability);
  const Served logit = served(Mixture::kLogit);
  // The gate drops the expert after the first token; what is left of its weight is still a veto.
  CHECK(logit.weights[5][1] < 0.01);
  for (size_t t = 0; t < 15; ++t) {
    CHECK(std::isfinite(logit.log_p[t]));
    CHECK(logit.log_p[t] < probability.log_p[t] - 1e3);
    REQUIRE_NEAR(logit.log_probs_V[t].exp().sum().item<double>(), 1, 1e-5);
  }
}

// Only token `token` makes this model overflow: its embedding is infinite.
void OverflowOn(Transformer& model, int32_t token) {
  const c10::InferenceMode inference;
  model.embed_in_VD = model.embed_in_VD.clone();
  model.embed_in_VD[token].fill_(std::numeric_limits<float>::infinity());
}

TEST_CASE("A specialist that overflows is left out, from the prompt or from a later token on",
          "[serving]") {
  const ProbeText probe = testing::RandomProbe(1, 16);
  const std::span<const int32_t> tokens = probe.Chunk(0);
  const c10::InferenceMode inference;
  for (const Mixture mixture : {Mixture::kProbability, Mixture::kLogit}) {
    for (const size_t bad : {size_t{0}, size_t{4}, size_t{7}, size_t{9}}) {
      INFO(MixtureName(mixture) << ", token " << bad);
      testing::MixedModels models({1, 20, 40});
      OverflowOn(models.loaded[1], tokens[bad]);
      const size_t first = static_cast<size_t>(
          std::find(tokens.begin(), tokens.end(), tokens[bad]) - tokens.begin());
      RouterParameters router = UniformRouter(3);
      router.mixture = mixture;
      FusedDecoder decoder(models.loaded, router);
      REQUIRE_OK(decoder.ReadPrompt(tokens.first(8), 16));
      for (size_t t = 8; t < 12; ++t) {
        REQUIRE_OK_AND_ASSIGN(const at::Tensor log_probs_V, decoder.LogProbs());
        REQUIRE_NEAR(log_probs_V.exp().sum().item<double>(), 1, 1e-5);
        CHECK(decoder.Dropped()[1] == (first < t ? 1 : 0));
        CHECK((decoder.Weights()[1] == 0) == (first < t));
        REQUIRE_NEAR(decoder.Weights()[0] + decoder.Weights()[1] + decoder.Weights()[2], 1, 1e-12);
        REQUIRE_OK(decoder.Advance(tokens[t]));
      }
      decoder.Restrict(std::vector<uint8_t>{1, 1, 1});
      CHECK(decoder.Weights()[1] == 0);
      CHECK(decoder.Dropped()[2] == 0);
    }
  }
}

TEST_CASE("Specialists that overflow everywhere leave the base alone", "[serving]") {
  testing::MixedModels models({1, 3e39, 3e39});
  const ProbeText probe = testing::RandomProbe(1, 16);
  const c10::InferenceMode inference;
  for (const Mixture mixture : {Mixture::kProbability, Mixture::kLogit}) {
    RouterParameters router = UniformRouter(3);
    router.mixture = mixture;
    FusedDecoder decoder(models.loaded, router);
    REQUIRE_OK(decoder.ReadPrompt(probe.Chunk(0).first(1), 16));  // nothing to predict yet
    CHECK(decoder.Weights()[0] == 1);
    const RouterParameters one = UniformRouter(1);
    FusedDecoder alone(std::span(models.loaded).first(1), one);
    REQUIRE_OK(alone.ReadPrompt(probe.Chunk(0).first(1), 16));
    CHECK((decoder.LogProbs().value() - alone.LogProbs().value()).abs().max().item<double>() <
          1e-5);
  }
}

TEST_CASE("A base that overflows ends the answer with its reason", "[serving]") {
  const ProbeText probe = testing::RandomProbe(1, 16);
  const std::span<const int32_t> tokens = probe.Chunk(0);
  const c10::InferenceMode inference;
  testing::MixedModels models({1, 20});
  OverflowOn(models.loaded[0], tokens[7]);
  for (const Mixture mixture : {Mixture::kProbability, Mixture::kLogit}) {
    RouterParameters router = UniformRouter(2);
    router.mixture = mixture;
    FusedDecoder whole(models.loaded, router);
    REQUIRE_STATUS(whole.ReadPrompt(tokens.first(8), 16), absl::StatusCode::kInternal,
                   "BASE_NOT_FINITE");
    FusedDecoder later(models.loaded, router);
    REQUIRE(std::find(tokens.begin(), tokens.begin() + 7, tokens[7]) == tokens.begin() + 7);
    REQUIRE_OK(later.ReadPrompt(tokens.first(7), 16));
    REQUIRE_STATUS(later.Advance(tokens[7]), absl::StatusCode::kInternal, "BASE_NOT_FINITE");
  }
}

TEST_CASE("Who is denied is not heard from then on", "[serving]") {
  const testing::MixedModels models({1, 20, 40});
  const ProbeText probe = testing::RandomProbe(1, 16);
  const c10::InferenceMode inference;
  RouterParameters router = UniformRouter(3);
  router.mixture = Mixture::kLogit;
  FusedDecoder decoder(models.loaded, router);
  REQUIRE_OK(decoder.ReadPrompt(probe.Chunk(0).first(8), 16));
  CHECK(decoder.Weights()[1] > 0);
  decoder.Restrict(std::vector<uint8_t>{1, 0, 1});
  CHECK(decoder.Weights()[1] == 0);
  REQUIRE_NEAR(decoder.Weights()[0] + decoder.Weights()[2], 1, 1e-12);
  REQUIRE_OK(decoder.Advance(probe.Chunk(0)[8]));
  decoder.Restrict(std::vector<uint8_t>{1, 1, 1});  // its cache has a gap: it stays out
  CHECK(decoder.Weights()[1] == 0);
  REQUIRE_NEAR(decoder.LogProbs().value().exp().sum().item<double>(), 1, 1e-5);
}

}  // namespace
}  // namespace kalavai::coordinator

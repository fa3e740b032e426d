// Goal: the forward pass is GPT-NeoX's, with and without a cache, whole or split at a trunk.
// Method: logits, hidden states and greedy text of the reference implementation (tests/golden);
// bit equality where the computation is the same; a table of inputs that must be refused.
#include "common/model/forward.h"

#include <cmath>
#include <string>
#include <vector>

#include "common/model/weights.h"
#include "tests/support/catch.h"
#include "tests/unit/common/model/gpt_neox_golden.h"

namespace kalavai {
namespace {

using testing::GoldenModelDir;
using testing::GoldenTensor;
using testing::GoldenTokens;
using testing::RelativeError;

Transformer LoadGolden(const std::string& variant) {
  auto model = LoadTransformer(GoldenModelDir(variant), {});
  REQUIRE_OK(model);
  return *std::move(model);
}

int32_t MostProbable(const at::Tensor& logits_BTV) {
  return static_cast<int32_t>(
      logits_BTV.select(1, logits_BTV.size(1) - 1).argmax(-1).item<int64_t>());
}

TEST_CASE("Logits and hidden states equal the reference's", "[model]") {
  for (const std::string variant : {"parallel", "sequential"}) {
    INFO(variant);
    const c10::InferenceMode inference;
    const Transformer model = LoadGolden(variant);
    const at::Tensor tokens = GoldenTensor(variant, "tokens");
    REQUIRE_OK_AND_ASSIGN(const ForwardResult result, Forward(model, tokens, nullptr, {}));
    CHECK(RelativeError(result.logits_BTV, GoldenTensor(variant, "logits")) < 1e-5);
    CHECK(RelativeError(result.hidden_BTD, GoldenTensor(variant, "hidden")) < 1e-5);

    REQUIRE_OK_AND_ASSIGN(const ForwardResult last,
                          Forward(model, tokens, nullptr, {.logits = LogitsWanted::kLast}));
    CHECK(RelativeError(last.logits_BTV, result.logits_BTV.narrow(1, 23, 1)) < 1e-5);
  }
}

TEST_CASE("Bfloat16 logits stay near the float32 ones", "[model]") {
  const c10::InferenceMode inference;
  const Transformer model = LoadGolden("parallel");
  REQUIRE_OK_AND_ASSIGN(const Transformer half, model.CastTo(WeightType::kBfloat16));
  CHECK(half.weight_type() == WeightType::kBfloat16);
  REQUIRE_OK_AND_ASSIGN(const ForwardResult result,
                        Forward(half, GoldenTensor("parallel", "tokens"), nullptr, {}));
  CHECK(result.logits_BTV.scalar_type() == at::kBFloat16);
  CHECK(RelativeError(result.logits_BTV.to(at::kFloat), GoldenTensor("parallel", "logits")) < 0.05);
}

TEST_CASE("Fifty greedy tokens are the reference's, with and without a cache", "[model]") {
  for (const std::string variant : {"parallel", "sequential"}) {
    INFO(variant);
    const c10::InferenceMode inference;
    const Transformer model = LoadGolden(variant);
    const std::vector<int32_t> expected = GoldenTokens(variant, "greedy");

    REQUIRE_OK_AND_ASSIGN(KvCache cache, NewKvCache(model.config, model.weight_type(), 1));
    at::Tensor text = GoldenTensor(variant, "prompt");
    at::Tensor unread = text;
    for (const int32_t token : expected) {
      REQUIRE_OK_AND_ASSIGN(const ForwardResult whole,
                            Forward(model, text, nullptr, {.logits = LogitsWanted::kLast}));
      REQUIRE_OK_AND_ASSIGN(const ForwardResult cached,
                            Forward(model, unread, &cache, {.logits = LogitsWanted::kLast}));
      REQUIRE(MostProbable(whole.logits_BTV) == token);
      REQUIRE(MostProbable(cached.logits_BTV) == token);
      unread = at::full({1, 1}, token, at::kInt);
      text = at::cat({text, unread}, 1);
    }
    CHECK(cache.length == text.size(1) - 1);
  }
}

TEST_CASE("A prompt read in pieces into a cache gives the logits of the whole", "[model]") {
  const c10::InferenceMode inference;
  const Transformer model = LoadGolden("parallel");
  const at::Tensor tokens = GoldenTensor("parallel", "tokens");  // two rows: a batch
  REQUIRE_OK_AND_ASSIGN(KvCache cache, NewKvCache(model.config, model.weight_type(), 2, 24));
  REQUIRE_OK(Forward(model, tokens.narrow(1, 0, 9), &cache, {}));
  REQUIRE_OK(Forward(model, tokens.narrow(1, 3, 4), &cache, {}));  // a wrong turn, taken back
  cache.Truncate(9);
  REQUIRE_OK_AND_ASSIGN(const ForwardResult rest,
                        Forward(model, tokens.narrow(1, 9, 15), &cache, {}));
  CHECK(RelativeError(rest.logits_BTV, GoldenTensor("parallel", "logits").narrow(1, 9, 15)) < 1e-5);
}

TEST_CASE("A model split at its trunk gives the same bits as the whole", "[model]") {
  for (const std::string variant : {"parallel", "sequential"}) {
    for (const WeightType type : {WeightType::kFloat32, WeightType::kBfloat16}) {
      const c10::InferenceMode inference;
      REQUIRE_OK_AND_ASSIGN(const Transformer model, LoadGolden(variant).CastTo(type));
      const at::Tensor tokens = GoldenTensor(variant, "tokens");
      for (const int64_t depth : {0, 1, 2, 3}) {
        INFO(variant << " split at " << depth);
        REQUIRE_OK_AND_ASSIGN(const ForwardResult whole,
                              Forward(model, tokens, nullptr, {.trunk_depth = depth}));
        REQUIRE_OK_AND_ASSIGN(const at::Tensor trunk, ForwardTrunk(model, tokens, depth, nullptr));
        REQUIRE_OK_AND_ASSIGN(const ForwardResult rest,
                              ForwardFromTrunk(model, trunk, depth, nullptr, {}));
        CHECK(at::equal(trunk, whole.trunk_BTD));
        CHECK(at::equal(rest.hidden_BTD, whole.hidden_BTD));
        CHECK(at::equal(rest.logits_BTV, whole.logits_BTV));
      }
    }
  }
}

TEST_CASE("A split model with two caches decodes the bits of the whole one", "[model]") {
  const c10::InferenceMode inference;
  const Transformer model = LoadGolden("sequential");
  const at::Tensor tokens = GoldenTensor("sequential", "tokens");
  const WeightType type = model.weight_type();
  REQUIRE_OK_AND_ASSIGN(KvCache all, NewKvCache(model.config, type, 2));
  REQUIRE_OK_AND_ASSIGN(KvCache low, NewKvCache(model.config, type, 2, 0, {0, 1}));
  REQUIRE_OK_AND_ASSIGN(KvCache high, NewKvCache(model.config, type, 2, 0, {1, -1}));
  for (int64_t t = 0; t < tokens.size(1); ++t) {
    const at::Tensor token = tokens.narrow(1, t, 1);
    REQUIRE_OK_AND_ASSIGN(const ForwardResult whole, Forward(model, token, &all, {}));
    REQUIRE_OK_AND_ASSIGN(const at::Tensor trunk, ForwardTrunk(model, token, 1, &low));
    REQUIRE_OK_AND_ASSIGN(const ForwardResult rest, ForwardFromTrunk(model, trunk, 1, &high, {}));
    REQUIRE(at::equal(rest.logits_BTV, whole.logits_BTV));
  }
}

TEST_CASE("Log-probabilities of targets are the log-softmax of the logits", "[model]") {
  const c10::InferenceMode inference;
  const Transformer model = LoadGolden("parallel");
  const at::Tensor tokens = GoldenTensor("parallel", "tokens");
  REQUIRE_OK_AND_ASSIGN(const ForwardResult result, Forward(model, tokens, nullptr, {}));
  const at::Tensor expected = at::log_softmax(result.logits_BTV, -1);
  REQUIRE_OK_AND_ASSIGN(const at::Tensor all, LogProbsOfVocabulary(model, result.hidden_BTD));
  CHECK(RelativeError(all, expected) < 1e-6);
  REQUIRE_OK_AND_ASSIGN(const at::Tensor chosen,
                        LogProbsOfTargets(model, result.hidden_BTD, tokens));
  const at::Tensor index = tokens.to(at::kLong).unsqueeze(-1);
  CHECK(RelativeError(chosen, expected.gather(-1, index).squeeze(-1)) < 1e-6);
}

TEST_CASE("What a model makes is on the device of its weights", "[model]") {
  // The meta device computes shapes only, and refuses operations that mix devices. It lacks lookup
  // and layer norm, so no block runs there.
  const c10::InferenceMode inference;
  const Transformer model = LoadGolden("parallel");
  NamedTensors elsewhere;
  for (const auto& [name, tensor] : model.parameters) elsewhere[name] = tensor.to(at::kMeta);
  REQUIRE_OK_AND_ASSIGN(const Transformer meta, BindParameters(model.config, elsewhere));
  CHECK(meta.device().is_meta());
  CHECK(meta.rotary.cos_TR.is_meta());
  CHECK(meta.rotary.sin_TR.is_meta());

  REQUIRE_OK_AND_ASSIGN(const KvCache cache,
                        NewKvCache(meta.config, meta.weight_type(), 1, 0, {}, meta.device()));
  CHECK(cache.keys_BGTS.front().is_meta());
  CHECK(cache.values_BGTS.front().is_meta());

  const at::Tensor tokens = GoldenTensor("parallel", "tokens");  // in memory of the host
  const at::Tensor hidden_BTD =
      at::empty({tokens.size(0), tokens.size(1), model.config.hidden_size}, at::kMeta);
  REQUIRE_OK_AND_ASSIGN(const at::Tensor of_targets, LogProbsOfTargets(meta, hidden_BTD, tokens));
  CHECK(of_targets.is_meta());
  CHECK(of_targets.sizes() == tokens.sizes());
  REQUIRE_OK_AND_ASSIGN(const at::Tensor vocabulary, LogProbsOfVocabulary(meta, hidden_BTD));
  CHECK(vocabulary.is_meta());
}

TEST_CASE("Inputs that do not fit are refused by reason", "[model]") {
  const c10::InferenceMode inference;
  const Transformer model = LoadGolden("parallel");
  const ModelConfig& config = model.config;
  const auto tokens = [](int64_t batch, int64_t count, int64_t value) {
    return at::full({batch, count}, value, at::kLong);
  };
  const auto invalid = absl::StatusCode::kInvalidArgument;
  REQUIRE_STATUS(Forward(model, tokens(1, 3, 64), nullptr, {}), invalid, "TOKEN_OUT_OF_RANGE");
  REQUIRE_STATUS(Forward(model, tokens(1, 3, -1), nullptr, {}), invalid, "TOKEN_OUT_OF_RANGE");
  REQUIRE_STATUS(Forward(model, tokens(1, 97, 1), nullptr, {}), invalid, "CONTEXT_EXCEEDED");
  REQUIRE_STATUS(Forward(model, tokens(1, 0, 1), nullptr, {}), invalid, "SHAPE_MISMATCH");
  REQUIRE_STATUS(ForwardTrunk(model, tokens(1, 3, 1), 4, nullptr), invalid, "SHAPE_MISMATCH");
  REQUIRE_STATUS(ForwardFromTrunk(model, at::zeros({1, 3, 15}), 1, nullptr, {}), invalid,
                 "SHAPE_MISMATCH");

  REQUIRE_OK_AND_ASSIGN(KvCache cache, NewKvCache(config, WeightType::kFloat32, 1, 4));
  REQUIRE_STATUS(Forward(model, tokens(1, 5, 1), &cache, {}), invalid, "CONTEXT_EXCEEDED");
  REQUIRE_STATUS(Forward(model, tokens(2, 1, 1), &cache, {}), invalid, "SHAPE_MISMATCH");
  REQUIRE_STATUS(ForwardTrunk(model, tokens(1, 1, 1), 2, &cache), invalid, "SHAPE_MISMATCH");
}

}  // namespace
}  // namespace kalavai

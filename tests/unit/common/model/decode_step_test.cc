// Goal: one new position computed row by row is the position a prefill computes, for each family
// and form of block, in both types. Method: random models; the stream, the cache and the logits of
// the decode step against the last position of a whole pass; equal bits for any number of threads.
#include "common/model/decode_step.h"

#include "common/model/determinism.h"
#include "common/model/forward.h"
#include "common/model/initialization.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

ModelConfig Tiny(Family family) {
  ModelConfig config = ModelConfig::Defaults(family);
  config.vocab_size = 97;
  config.hidden_size = 48;
  config.layer_count = 3;
  config.head_count = 6;
  config.intermediate_size = 72;
  config.context_length = 40;
  return config;
}

struct Form {
  const char* what;
  ModelConfig config;
};

std::vector<Form> Forms() {
  std::vector<Form> forms = {{"gpt_neox, parallel", Tiny(Family::kGptNeox)},
                             {"gpt_neox, sequential and tied", Tiny(Family::kGptNeox)},
                             {"llama, grouped keys", Tiny(Family::kLlama)},
                             {"llama, heads wider than the stream", Tiny(Family::kLlama)},
                             {"qwen2", Tiny(Family::kQwen2)}};
  forms[1].config.parallel_residual = false;
  forms[1].config.tied_embeddings = true;
  forms[2].config.kv_head_count = 2;
  forms[3].config.explicit_head_size = 10;
  forms[4].config.kv_head_count = 3;
  return forms;
}

double LargestDifference(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor wide = b.to(at::kFloat);
  const double scale = wide.abs().max().item<double>();
  return (a.to(at::kFloat) - wide).abs().max().item<double>() / scale;
}

const at::Tensor& Text() {
  static const at::Tensor tokens_BT =
      at::arange(0, 20, at::kLong).mul(29).remainder(97).view({1, 20});
  return tokens_BT;
}

TEST_CASE("A position read alone is the position read with the others", "[model]") {
  const c10::InferenceMode inference;
  for (const Form& form : Forms()) {
    for (const WeightType type : {WeightType::kFloat32, WeightType::kBfloat16}) {
      INFO(form.what << " " << NameOf(type));
      REQUIRE_OK_AND_ASSIGN(const Transformer random, InitializeTransformer(form.config, 3));
      REQUIRE_OK_AND_ASSIGN(const Transformer model, random.CastTo(type));
      const double near = type == WeightType::kFloat32 ? 1e-5 : 0.03;
      REQUIRE_OK_AND_ASSIGN(const ForwardResult whole,
                            Forward(model, Text(), nullptr, {.trunk_depth = 2}));

      REQUIRE_OK_AND_ASSIGN(KvCache cache, NewKvCache(model.config, type, 1, 24));
      REQUIRE_OK(Forward(model, Text().narrow(1, 0, 12), &cache, {}));
      for (int64_t t = 12; t < 20; ++t) {
        INFO("position " << t);
        REQUIRE_OK_AND_ASSIGN(const ForwardResult one,
                              Forward(model, Text().narrow(1, t, 1), &cache, {.trunk_depth = 2}));
        REQUIRE(cache.length == t + 1);
        REQUIRE(one.trunk_BTD.scalar_type() == at::kFloat);  // the decode step's mark
        CHECK(LargestDifference(one.trunk_BTD, whole.trunk_BTD.narrow(1, t, 1)) < near);
        CHECK(LargestDifference(one.hidden_BTD, whole.hidden_BTD.narrow(1, t, 1)) < near);
        CHECK(LargestDifference(one.logits_BTV, whole.logits_BTV.narrow(1, t, 1)) < near);
        CHECK(one.logits_BTV.scalar_type() == ScalarTypeOf(type));
      }
    }
  }
}

TEST_CASE("The number of threads changes no bit of a decode step", "[model]") {
  const c10::InferenceMode inference;
  const int64_t before = Threads();
  ModelConfig config = Tiny(Family::kLlama);
  config.vocab_size = 4099;  // enough rows to be split
  REQUIRE_OK_AND_ASSIGN(const Transformer model, InitializeTransformer(config, 5));
  at::Tensor logits[2];
  for (const int64_t threads : {1, 3}) {
    REQUIRE_OK(SetThreads(threads));
    REQUIRE_OK_AND_ASSIGN(KvCache cache, NewKvCache(model.config, WeightType::kFloat32, 1));
    REQUIRE_OK(SetThreads(1));  // the prefill is the library's, and not what this is about
    REQUIRE_OK(Forward(model, Text().narrow(1, 0, 6), &cache, {}));
    REQUIRE_OK(SetThreads(threads));
    REQUIRE_OK_AND_ASSIGN(const ForwardResult one,
                          Forward(model, Text().narrow(1, 6, 1), &cache, {}));
    logits[threads == 1 ? 0 : 1] = one.logits_BTV;
  }
  REQUIRE_OK(SetThreads(before));
  CHECK(at::equal(logits[0], logits[1]));
}

TEST_CASE("What is not one position of one sequence takes the library's way", "[model]") {
  REQUIRE_OK_AND_ASSIGN(const Transformer model, InitializeTransformer(Tiny(Family::kQwen2), 1));
  REQUIRE_OK_AND_ASSIGN(KvCache cache, NewKvCache(model.config, WeightType::kFloat32, 1));
  const at::NoGradGuard no_graph;
  const at::Tensor one = at::zeros({1, 1, 48});
  CHECK_FALSE(IsDecodeStep(model, one, nullptr));
  CHECK_FALSE(IsDecodeStep(model, one, &cache));  // nothing read yet: a prefill of one
  cache.length = 1;
  CHECK(IsDecodeStep(model, one, &cache));
  CHECK_FALSE(IsDecodeStep(model, at::zeros({1, 2, 48}), &cache));
  CHECK_FALSE(IsDecodeStep(model, at::zeros({2, 1, 48}), &cache));
  CHECK_FALSE(IsDecodeStep(model, at::zeros({1, 1, 48}).requires_grad_(true), &cache));
  CHECK(IsOneRow(model, at::zeros({48})));
  CHECK_FALSE(IsOneRow(model, at::zeros({2, 48})));
  const at::AutoGradMode with_graph(true);
  CHECK_FALSE(IsOneRow(model, at::zeros({48})));
}

}  // namespace
}  // namespace kalavai

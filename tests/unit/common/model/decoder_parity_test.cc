// Goal: the decoder computes, learns and generates what transformers does, for all three families.
// Method: tests/golden/decoder (transformers 5.23, float32): logits, gradients of every parameter,
// ten training losses, 200 greedy tokens; every way through our own decoder against each other.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/json_reader.h"
#include "common/model/determinism.h"
#include "common/model/forward.h"
#include "common/model/optimizer_step.h"
#include "common/model/sampler.h"
#include "common/model/weights.h"
#include "common/safetensors/reader.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using testing::TempDir;

std::string Directory() { return absl::StrCat(KALAVAI_GOLDEN_DIR, "/decoder"); }

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  REQUIRE_FALSE(text.str().empty());
  return text.str();
}

std::vector<std::string> Variants() {
  const auto json = ReadJson(ReadText(Directory() + "/variants.json"));
  REQUIRE_OK(json);
  return json->get<std::vector<std::string>>();
}

// make_golden.py's weight_of: numbers from the tensor's name, exact in float32.
at::Tensor WeightOf(const std::string& name, const std::vector<int64_t>& shape) {
  uint64_t seed = 0xCBF29CE484222325;
  for (const char c : name) seed = (seed ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  SplitMix64 generator(seed);
  at::Tensor tensor = at::empty(shape, at::kFloat);
  const float one = absl::StrContains(name, "norm.weight") ? 1.0F : 0.0F;
  float* const values = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    values[i] = static_cast<float>(generator.Next() >> 40) / 16777216.0F - 0.5F + one;
  }
  return tensor;
}

struct Golden {
  std::string name;
  Transformer model;
  std::map<std::string, at::Tensor> expected;
};

Golden Load(const std::string& variant) {
  REQUIRE_OK(SetThreads(1));  // such small tensors gain nothing from threads
  Golden golden = {.name = variant, .model = {}, .expected = {}};
  const std::string directory = absl::StrCat(Directory(), "/", variant);
  const auto config = ModelConfig::FromJson(ReadText(directory + "/config.json"));
  REQUIRE_OK(config);
  NamedTensors parameters;
  for (const auto& [name, shape] : ParameterShapes(*config)) {
    parameters[name] = WeightOf(name, shape);
  }
  auto model = BindParameters(*config, std::move(parameters));
  REQUIRE_OK(model);
  golden.model = *std::move(model);
  const auto file =
      SafetensorsFile::Open(directory + "/expected.safetensors", SafetensorsMode::kFormat);
  REQUIRE_OK(file);
  for (const TensorInfo& info : file->header().tensors()) {
    at::Tensor tensor =
        at::empty(info.shape.Signed(), info.dtype == Dtype::kI32 ? at::kInt : at::kFloat);
    const auto bytes = file->Bytes(info);
    REQUIRE(bytes.size() == tensor.nbytes());
    std::memcpy(tensor.mutable_data_ptr(), bytes.data(), bytes.size());
    golden.expected[std::string(info.name)] = tensor;
  }
  return golden;
}

double RelativeError(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>() / b.abs().max().item<double>();
}

// make_golden.py's sampled().
at::Tensor Sampled(const at::Tensor& gradient) {
  const at::Tensor flat = gradient.flatten();
  if (flat.numel() <= 64) return flat;
  const at::Tensor picks = (at::arange(62, at::kLong) * (flat.numel() - 1)).floor_divide(61);
  return at::cat({flat.index_select(0, picks), flat.sum(at::kDouble).to(at::kFloat).view({1}),
                  flat.to(at::kDouble).norm().to(at::kFloat).view({1})});
}

int64_t MostProbable(const at::Tensor& logits_BTV) {
  return logits_BTV.select(1, logits_BTV.size(1) - 1).argmax(-1).item<int64_t>();
}

TEST_CASE("Logits and loss of every family equal the reference's", "[model][parity]") {
  for (const std::string& variant : Variants()) {
    INFO(variant);
    const c10::InferenceMode inference;
    const Golden golden = Load(variant);
    const at::Tensor& tokens = golden.expected.at("tokens");
    REQUIRE_OK_AND_ASSIGN(const ForwardResult result, Forward(golden.model, tokens, nullptr, {}));
    const at::Tensor& expected = golden.expected.at("logits");
    const at::Tensor kept =
        result.logits_BTV.narrow(1, tokens.size(1) - expected.size(1), expected.size(1));
    CHECK(RelativeError(kept, expected) < 2e-5);
    const at::Tensor flat = tokens.to(at::kInt).contiguous();
    const int32_t* const data = flat.const_data_ptr<int32_t>();
    const ChunkSpan chunks = {.tokens = {data, static_cast<size_t>(flat.numel())},
                              .chunk_length = tokens.size(1)};
    REQUIRE_OK_AND_ASSIGN(const double loss, MeanLoss(golden.model, chunks));
    REQUIRE_NEAR(loss, golden.expected.at("loss").item<double>(), 1e-5 * loss);
  }
}

TEST_CASE("The gradient of every parameter equals the reference's", "[model][parity]") {
  for (const std::string& variant : Variants()) {
    INFO(variant);
    const Golden golden = Load(variant);
    // beta1 = 0 and no clipping: after one step m is the gradient itself.
    REQUIRE_OK_AND_ASSIGN(
        const auto trainer,
        OptimizerStep::Create(
            golden.model,
            {.hyperparameters = {.steps = 1, .beta1 = 0.0, .clip = 0.0, .micro_batch = 1},
             .precision = Precision::kFloat32}));
    const at::Tensor tokens = golden.expected.at("tokens");
    const int32_t* const data = tokens.const_data_ptr<int32_t>();
    REQUIRE_OK(trainer->Step(
        {.tokens = {data, static_cast<size_t>(tokens.numel())}, .chunk_length = tokens.size(1)}));
    const NamedTensors state = trainer->ExportState();
    const at::Tensor& expected = golden.expected.at("gradients");
    int64_t first = 0;
    for (const auto& [name, tensor] : golden.model.parameters) {
      INFO(name);
      const at::Tensor ours = Sampled(state.at(absl::StrCat("optimizer.m.", name)));
      REQUIRE(first + ours.numel() <= expected.numel());
      // A sum of gradients may cancel to nothing, so errors are measured against the largest.
      CHECK(RelativeError(ours, expected.narrow(0, first, ours.numel())) < 2e-4);
      first += ours.numel();
    }
    CHECK(first == expected.numel());
  }
}

TEST_CASE("Ten training losses of every family equal the reference's", "[model][parity]") {
  for (const std::string& variant : Variants()) {
    INFO(variant);
    const Golden golden = Load(variant);
    REQUIRE_OK_AND_ASSIGN(
        const auto trainer,
        OptimizerStep::Create(golden.model, {.hyperparameters = {.learning_rate = 0.01,
                                                                 .warmup_steps = 3,
                                                                 .steps = 10,
                                                                 .micro_batch = 4},
                                             .precision = Precision::kFloat32}));
    const at::Tensor& batches = golden.expected.at("training.batches");  // step, chunk, token
    const at::Tensor& losses = golden.expected.at("training.losses");
    for (int64_t step = 0; step < 10; ++step) {
      const at::Tensor batch = batches.select(0, step).contiguous();
      const ChunkSpan chunks = {
          .tokens = {batch.const_data_ptr<int32_t>(), static_cast<size_t>(batch.numel())},
          .chunk_length = batch.size(1)};
      REQUIRE_OK_AND_ASSIGN(const StepResult result, trainer->Step(chunks));
      REQUIRE_NEAR(result.loss, losses[step].item<double>(), 5e-4);
    }
  }
}

TEST_CASE("Two hundred greedy tokens are the reference's, with and without a cache",
          "[model][parity]") {
  for (const std::string& variant : Variants()) {
    INFO(variant);
    const c10::InferenceMode inference;
    const Golden golden = Load(variant);
    const Transformer& model = golden.model;
    const at::Tensor expected = golden.expected.at("greedy").flatten();
    REQUIRE(expected.numel() == 200);
    REQUIRE_OK_AND_ASSIGN(KvCache cache, NewKvCache(model.config, model.weight_type(), 1, 205));
    at::Tensor text = golden.expected.at("prompt");
    at::Tensor unread = text;
    for (int64_t i = 0; i < expected.numel(); ++i) {
      REQUIRE_OK_AND_ASSIGN(const ForwardResult whole,
                            Forward(model, text, nullptr, {.logits = LogitsWanted::kLast}));
      REQUIRE_OK_AND_ASSIGN(const ForwardResult cached,
                            Forward(model, unread, &cache, {.logits = LogitsWanted::kLast}));
      const int64_t token = expected[i].item<int64_t>();
      REQUIRE(MostProbable(whole.logits_BTV) == token);
      REQUIRE(MostProbable(cached.logits_BTV) == token);
      unread = at::full({1, 1}, token, at::kInt);
      text = at::cat({text, unread}, 1);
    }
  }
}

TEST_CASE("Every family split at its trunk gives the bits of the whole", "[model][parity]") {
  for (const char* const variant : {"neox_random", "llama_odd_gqa", "qwen2_gqa"}) {
    for (const WeightType type : {WeightType::kFloat32, WeightType::kBfloat16}) {
      const c10::InferenceMode inference;
      const Golden golden = Load(variant);
      REQUIRE_OK_AND_ASSIGN(const Transformer model, golden.model.CastTo(type));
      const at::Tensor& tokens = golden.expected.at("tokens");
      for (const int64_t depth : {0, 1, 2}) {
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

TEST_CASE("Sequences read together, alone, at once or token by token agree", "[model][parity]") {
  for (const std::string& variant : Variants()) {
    const Golden golden = Load(variant);
    if (golden.expected.at("tokens").size(0) != 2) continue;
    for (const WeightType type : {WeightType::kFloat32, WeightType::kBfloat16}) {
      INFO(variant << " " << NameOf(type));
      const c10::InferenceMode inference;
      REQUIRE_OK_AND_ASSIGN(const Transformer model, golden.model.CastTo(type));
      const at::Tensor& tokens = golden.expected.at("tokens");
      // A prefill rounds scores to bfloat16, a step keeps them: some 2^-8 of logits around 1.
      const double tolerance = type == WeightType::kFloat32 ? 1e-5 : 0.1;
      REQUIRE_OK_AND_ASSIGN(const ForwardResult both, Forward(model, tokens, nullptr, {}));
      const at::Tensor expected = both.logits_BTV.to(at::kFloat);
      for (const int64_t row : {0, 1}) {
        const at::Tensor one = tokens.narrow(0, row, 1);
        REQUIRE_OK_AND_ASSIGN(const ForwardResult alone, Forward(model, one, nullptr, {}));
        CHECK(RelativeError(alone.logits_BTV.to(at::kFloat), expected.narrow(0, row, 1)) <
              tolerance);
      }
      REQUIRE_OK_AND_ASSIGN(KvCache cache, NewKvCache(model.config, type, 2));
      for (int64_t t = 0; t < tokens.size(1); ++t) {
        REQUIRE_OK_AND_ASSIGN(const ForwardResult step,
                              Forward(model, tokens.narrow(1, t, 1), &cache, {}));
        CHECK(RelativeError(step.logits_BTV.to(at::kFloat), expected.narrow(1, t, 1)) < tolerance);
      }
    }
  }
}

TEST_CASE("Every family is written and read again bit for bit", "[model][parity]") {
  for (const std::string& variant : Variants()) {
    INFO(variant);
    const Golden golden = Load(variant);
    const TempDir dir;
    const int64_t shard_bytes = absl::StrContains(variant, "gqa") ? 10'000 : kDefaultShardBytes;
    REQUIRE_OK(SaveTransformer(golden.model, dir.path(), WeightType::kFloat32, shard_bytes));
    REQUIRE_OK_AND_ASSIGN(const Transformer again, LoadTransformer(dir.path(), {}));
    CHECK(again.config == golden.model.config);
    REQUIRE(again.parameters.size() == golden.model.parameters.size());
    for (const auto& [name, tensor] : golden.model.parameters) {
      CHECK(at::equal(again.parameters.at(name), tensor));
    }
  }
}

}  // namespace
}  // namespace kalavai

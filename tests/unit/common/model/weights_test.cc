// Goal: checkpoints survive a round trip byte for byte, and files that do not fit are refused by
// the tensor's name.
// Method: golden directories loaded, saved and compared; a table of damaged directories.
#include "common/model/weights.h"

#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "common/safetensors/shard_writer.h"
#include "common/safetensors/writer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/common/model/gpt_neox_golden.h"

namespace kalavai {
namespace {

using testing::GoldenModelDir;
using testing::ReadFile;
using testing::TempDir;
using testing::WriteFile;

Transformer LoadGolden(const std::string& variant) {
  auto model = LoadTransformer(GoldenModelDir(variant), {});
  REQUIRE_OK(model);
  return *std::move(model);
}

// Writes a checkpoint from tensors that need not fit config.json.
void WriteTensors(const TempDir& dir, const std::string& config, const NamedTensors& tensors) {
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    Dtype dtype = Dtype::kF32;
    if (tensor.scalar_type() == at::kBFloat16) dtype = Dtype::kBF16;
    if (tensor.scalar_type() == at::kHalf) dtype = Dtype::kF16;
    if (tensor.scalar_type() == at::kLong) dtype = Dtype::kI64;
    views.push_back(
        {.name = name,
         .dtype = dtype,
         .shape = tensor.sizes().vec(),
         .bytes = {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
  }
  REQUIRE_OK(WriteSafetensors(dir.File("model.safetensors"), std::move(views)));
  WriteFile(dir.File("config.json"), config);
}

TEST_CASE("Save and load give the same bytes, those of the reference's writer", "[model]") {
  for (const std::string variant : {"parallel", "sequential"}) {
    const TempDir dir;
    const TempDir again;
    REQUIRE_OK(SaveTransformer(LoadGolden(variant), dir.path(), WeightType::kFloat32));
    CHECK(ReadFile(dir.File("model.safetensors")) ==
          ReadFile(GoldenModelDir(variant) + "/model.safetensors"));
    REQUIRE_OK_AND_ASSIGN(const Transformer loaded, LoadTransformer(dir.path(), {}));
    CHECK(loaded.config == LoadGolden(variant).config);
    REQUIRE_OK(SaveTransformer(loaded, again.path(), WeightType::kFloat32));
    for (const char* file : {"model.safetensors", "config.json"}) {
      CHECK(ReadFile(dir.File(file)) == ReadFile(again.File(file)));
    }
  }
}

TEST_CASE("Shards load as the one file does, byte for byte", "[model]") {
  const Transformer model = LoadGolden("parallel");
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : model.parameters) {
    views.push_back(
        {.name = name,
         .dtype = Dtype::kF32,
         .shape = tensor.sizes().vec(),
         .bytes = {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
  }
  const TempDir dir;
  const TempDir again;
  WriteFile(dir.File("config.json"), ReadFile(GoldenModelDir("parallel") + "/config.json"));
  REQUIRE_OK_AND_ASSIGN(const std::vector<std::string> files,
                        WriteWeights(dir.path(), views, 4096));
  REQUIRE(files.size() > 3);
  REQUIRE_OK_AND_ASSIGN(const Transformer loaded, LoadTransformer(dir.path(), {}));
  REQUIRE_OK(SaveTransformer(loaded, again.path(), WeightType::kFloat32));
  CHECK(ReadFile(again.File("model.safetensors")) ==
        ReadFile(GoldenModelDir("parallel") + "/model.safetensors"));
}

TEST_CASE("Bfloat16 files keep their type unless another is asked for", "[model]") {
  const TempDir dir;
  REQUIRE_OK(SaveTransformer(LoadGolden("parallel"), dir.path(), WeightType::kBfloat16));
  REQUIRE_OK_AND_ASSIGN(const Transformer stored, LoadTransformer(dir.path(), {}));
  CHECK(stored.weight_type() == WeightType::kBfloat16);
  CHECK(stored.config.weight_type == WeightType::kBfloat16);
  REQUIRE_OK_AND_ASSIGN(const Transformer wide,
                        LoadTransformer(dir.path(), {WeightType::kFloat32}));
  CHECK(wide.weight_type() == WeightType::kFloat32);
  CHECK(at::equal(wide.embed_out_VD, stored.embed_out_VD.to(at::kFloat)));
}

TEST_CASE("Old buffers are skipped and float16 becomes float32", "[model]") {
  const Transformer model = LoadGolden("parallel");
  NamedTensors tensors;
  for (const auto& [name, tensor] : model.parameters) tensors[name] = tensor.to(at::kHalf);
  tensors["gpt_neox.layers.0.attention.bias"] = at::zeros({4}, at::kLong);
  tensors["gpt_neox.layers.0.attention.masked_bias"] = at::full({1}, -1e9);
  tensors["gpt_neox.layers.2.attention.rotary_emb.inv_freq"] = at::zeros({1});
  const TempDir dir;
  WriteTensors(dir, model.config.ToJson(), tensors);
  REQUIRE_OK_AND_ASSIGN(const Transformer loaded, LoadTransformer(dir.path(), {}));
  CHECK(loaded.weight_type() == WeightType::kFloat32);
  CHECK(loaded.parameters.size() == model.parameters.size());
}

TEST_CASE("A stored output matrix of a tied model must be the embedding", "[model]") {
  for (const Family family : {Family::kGptNeox, Family::kLlama}) {
    ModelConfig config = ModelConfig::Defaults(family);
    config.vocab_size = 11;
    config.hidden_size = 16;
    config.layer_count = 1;
    config.head_count = 2;
    config.intermediate_size = 8;
    config.tied_embeddings = true;
    REQUIRE_OK_AND_ASSIGN(const Transformer model, InitializeTransformer(config, 1));
    NamedTensors tensors = model.parameters;
    tensors[EmbedOutName(family)] = model.embed_in_VD.clone();
    {
      const TempDir dir;
      WriteTensors(dir, config.ToJson(), tensors);
      REQUIRE_OK_AND_ASSIGN(const Transformer loaded, LoadTransformer(dir.path(), {}));
      CHECK(loaded.embed_out_VD.is_same(loaded.embed_in_VD));
      CHECK_FALSE(loaded.parameters.contains(EmbedOutName(family)));
    }
    tensors[EmbedOutName(family)] = model.embed_in_VD + 1.0;
    {
      const TempDir dir;
      WriteTensors(dir, config.ToJson(), tensors);
      REQUIRE_STATUS(LoadTransformer(dir.path(), {}), absl::StatusCode::kInvalidArgument,
                     "WEIGHTS_INVALID");
    }
    config.tied_embeddings = false;
    {
      const TempDir dir;
      WriteTensors(dir, config.ToJson(), model.parameters);  // without the matrix
      REQUIRE_STATUS(LoadTransformer(dir.path(), {}), absl::StatusCode::kInvalidArgument,
                     "WEIGHTS_INVALID");
    }
  }
}

TEST_CASE("Tensors that do not fit config.json are refused by name", "[model]") {
  const Transformer model = LoadGolden("parallel");
  const std::string dense = "gpt_neox.layers.1.attention.dense.weight";
  struct Row {
    std::string name;
    std::string reason;
    std::function<void(NamedTensors&)> damage;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<Row> rows = {
      {dense, "WEIGHTS_INVALID", [&](NamedTensors& t) { t.erase(dense); }},
      {"other", "WEIGHTS_INVALID", [](NamedTensors& t) { t["other"] = at::zeros({2}); }},
      {dense, "WEIGHTS_INVALID",
       [&](NamedTensors& t) {
         t[dense] = at::zeros({16, 17});
       }},
      {dense, "WEIGHTS_INVALID", [&](NamedTensors& t) { t[dense] = at::zeros({256}); }},
      {dense, "WEIGHTS_INVALID",
       [&](NamedTensors& t) {
         t[dense] = at::zeros({16, 16}, at::kLong);
       }},
      {"gpt_neox.layers.1.", "WEIGHTS_INVALID",
       [&](NamedTensors& t) { t[dense] = t[dense].to(at::kBFloat16); }},
      {"gpt_neox.layers.3.attention.other", "WEIGHTS_INVALID",
       [](NamedTensors& t) { t["gpt_neox.layers.3.attention.other"] = at::zeros({2}); }},
      {dense, "WEIGHTS_NOT_FINITE", [&](NamedTensors& t) { t[dense][3][4] = nan; }},
      {dense, "WEIGHTS_NOT_FINITE", [&](NamedTensors& t) { t[dense][0][0] = -infinity; }},
  };
  for (const Row& row : rows) {
    NamedTensors tensors;
    for (const auto& [name, tensor] : model.parameters) tensors[name] = tensor.clone();
    row.damage(tensors);
    const TempDir dir;
    WriteTensors(dir, model.config.ToJson(), tensors);
    const auto loaded = LoadTransformer(dir.path(), {});
    REQUIRE_STATUS(loaded, absl::StatusCode::kInvalidArgument, row.reason);
    INFO(loaded.status().message());
    CHECK(GetErrorDetail(loaded.status())->text.metadata.at("tensor").find(row.name) == 0);
  }
}

TEST_CASE("A tied model has no second embedding, and NaN is not saved", "[model]") {
  Transformer model = LoadGolden("sequential");
  CHECK_FALSE(model.parameters.contains("embed_out.weight"));
  CHECK(model.embed_out_VD.is_same(model.embed_in_VD));
  model.embed_in_VD[0][0] = std::numeric_limits<float>::quiet_NaN();
  const TempDir dir;
  REQUIRE_STATUS(SaveTransformer(model, dir.path(), WeightType::kFloat32),
                 absl::StatusCode::kInvalidArgument, "WEIGHTS_NOT_FINITE");
}

TEST_CASE("The weight average is the mean of the weights", "[model]") {
  const ModelConfig config = LoadGolden("parallel").config;
  REQUIRE_OK_AND_ASSIGN(const Transformer a, InitializeTransformer(config, 1));
  REQUIRE_OK_AND_ASSIGN(const Transformer b, InitializeTransformer(config, 2));
  const TempDir dir_a;
  const TempDir dir_b;
  REQUIRE_OK(SaveTransformer(a, dir_a.path(), WeightType::kFloat32));
  REQUIRE_OK(SaveTransformer(b, dir_b.path(), WeightType::kFloat32));
  REQUIRE_OK_AND_ASSIGN(const Transformer mean, WeightAverage({dir_a.path(), dir_b.path()}));
  for (const auto& [name, tensor] : mean.parameters) {
    CHECK(at::allclose(tensor, (a.parameters.at(name) + b.parameters.at(name)) / 2));
  }
  REQUIRE_STATUS(WeightAverage({}), absl::StatusCode::kInvalidArgument, "WEIGHTS_INVALID");
  REQUIRE_STATUS(WeightAverage({dir_a.path(), GoldenModelDir("sequential")}),
                 absl::StatusCode::kInvalidArgument, "WEIGHTS_INVALID");
}

}  // namespace
}  // namespace kalavai

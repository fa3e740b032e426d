// Goal: config.json is read in every form transformers writes, and refused when it describes a
// model we would compute wrongly.
// Method: round trip, both forms side by side, a table of one defect a row.
#include "common/model/model_config.h"

#include <functional>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

using Json = nlohmann::json;

// pythia-70m's file, as transformers 4 wrote it.
Json Pythia() {
  return {{"architectures", {"GPTNeoXForCausalLM"}},
          {"bos_token_id", 0},
          {"eos_token_id", 0},
          {"hidden_act", "gelu"},
          {"hidden_size", 512},
          {"initializer_range", 0.02},
          {"intermediate_size", 2048},
          {"layer_norm_eps", 1e-05},
          {"max_position_embeddings", 2048},
          {"model_type", "gpt_neox"},
          {"num_attention_heads", 8},
          {"num_hidden_layers", 6},
          {"rotary_emb_base", 10000},
          {"rotary_pct", 0.25},
          {"tie_word_embeddings", false},
          {"torch_dtype", "float16"},
          {"transformers_version", "4.24.0"},
          {"use_cache", true},
          {"use_parallel_residual", true},
          {"vocab_size", 50304}};
}

TEST_CASE("Pythia's numbers are read and its parameters counted", "[model]") {
  REQUIRE_OK_AND_ASSIGN(const ModelConfig config, ModelConfig::FromJson(Pythia().dump()));
  CHECK(config.hidden_size == 512);
  CHECK(config.rotary_size() == 16);
  CHECK(config.weight_type == WeightType::kFloat32);
  CHECK(config.ParameterCount() == 70'426'624);  // as published for pythia-70m
  CHECK(config.FrozenParameterCount(0) == 0);
  CHECK(config.FrozenParameterCount(6) + 50304 * 512 + 2 * 512 == config.ParameterCount());
}

TEST_CASE("Version 5's form gives the same model", "[model]") {
  Json json = Pythia();
  json.erase("rotary_pct");
  json.erase("rotary_emb_base");
  json.erase("torch_dtype");
  json["dtype"] = "bfloat16";
  json["rope_parameters"] = {
      {"partial_rotary_factor", 0.5}, {"rope_theta", 500}, {"rope_type", "default"}};
  REQUIRE_OK_AND_ASSIGN(const ModelConfig config, ModelConfig::FromJson(json.dump()));
  CHECK(config.rotary_size() == 32);
  CHECK(config.rotary_base == 500.0);
  CHECK(config.weight_type == WeightType::kBfloat16);
}

TEST_CASE("Written and read again a config is equal, and so are the bytes", "[model]") {
  REQUIRE_OK_AND_ASSIGN(ModelConfig config, ModelConfig::FromJson(Pythia().dump()));
  config.tied_embeddings = true;
  config.parallel_residual = false;
  config.weight_type = WeightType::kBfloat16;
  config.rotary_base = 500000.5;
  config.eos_token_ids = {7};
  REQUIRE_OK_AND_ASSIGN(const ModelConfig again, ModelConfig::FromJson(config.ToJson()));
  CHECK(again == config);
  CHECK(again.ToJson() == config.ToJson());
}

TEST_CASE("Every defect of config.json has its reason", "[model]") {
  struct Row {
    const char* defect;
    absl::StatusCode code;
    const char* reason;
    std::function<void(Json&)> damage;
  };
  const auto set = [](const char* field, const Json& value) {
    return [field, value](Json& json) { json[field] = value; };
  };
  const auto invalid = absl::StatusCode::kInvalidArgument;
  const auto unsupported = absl::StatusCode::kUnimplemented;
  const std::vector<Row> rows = {
      {"no vocabulary", invalid, "JSON_INVALID", [](Json& json) { json.erase("vocab_size"); }},
      {"text for number", invalid, "JSON_INVALID", set("hidden_size", "512")},
      {"fraction", invalid, "JSON_INVALID", set("hidden_size", 512.5)},
      {"empty vocabulary", invalid, "MODEL_CONFIG_INVALID", set("vocab_size", 0)},
      {"absurd width", invalid, "MODEL_CONFIG_INVALID", set("hidden_size", 1'000'000)},
      {"no block", invalid, "MODEL_CONFIG_INVALID", set("num_hidden_layers", 0)},
      {"negative", invalid, "MODEL_CONFIG_INVALID", set("num_attention_heads", -8)},
      {"heads do not divide", invalid, "MODEL_CONFIG_INVALID", set("num_attention_heads", 7)},
      {"odd rotation", invalid, "MODEL_CONFIG_INVALID", set("rotary_pct", 0.05)},
      {"rotation above 1", invalid, "MODEL_CONFIG_INVALID", set("rotary_pct", 1.5)},
      {"base 1", invalid, "MODEL_CONFIG_INVALID", set("rotary_emb_base", 1)},
      {"epsilon 0", invalid, "MODEL_CONFIG_INVALID", set("layer_norm_eps", 0)},
      {"token outside", invalid, "MODEL_CONFIG_INVALID", set("eos_token_id", 50304)},
      {"two bases", invalid, "MODEL_CONFIG_INVALID", set("rope_theta", 500)},
      {"two types", invalid, "MODEL_CONFIG_INVALID", set("dtype", "float32")},
      {"llama", unsupported, "MODEL_UNSUPPORTED", set("model_type", "llama")},
      {"classifier", unsupported, "MODEL_UNSUPPORTED",
       set("architectures", Json::array({"GPTNeoXForSequenceClassification"}))},
      {"tanh gelu", unsupported, "MODEL_UNSUPPORTED", set("hidden_act", "gelu_fast")},
      {"dropout", unsupported, "MODEL_UNSUPPORTED", set("hidden_dropout", 0.1)},
      {"scaled rope", unsupported, "MODEL_UNSUPPORTED",
       set("rope_scaling", {{"type", "dynamic"}, {"factor", 2}})},
      {"yarn", unsupported, "MODEL_UNSUPPORTED", set("rope_parameters", {{"rope_type", "yarn"}})},
      {"float64", unsupported, "MODEL_UNSUPPORTED", set("torch_dtype", "float64")},
  };
  for (const Row& row : rows) {
    INFO(row.defect);
    Json json = Pythia();
    row.damage(json);
    REQUIRE_STATUS(ModelConfig::FromJson(json.dump()), row.code, row.reason);
  }
  REQUIRE_STATUS(ModelConfig::FromJson("[]"), invalid, "MODEL_CONFIG_INVALID");
  REQUIRE_STATUS(ModelConfig::FromJson("{"), invalid, "JSON_INVALID");
}

}  // namespace
}  // namespace kalavai

// Goal: config.json of the three families means what transformers makes of it, in both its forms.
// Method: files as published (shortened), their fields one by one; a table of defects; round trips.
#include "common/model/config_json.h"

#include <functional>
#include <string>
#include <vector>

#include "common/base/json_reader.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

using Json = nlohmann::json;

// Llama-3.2-1B's file, as transformers 4 wrote it.
Json Llama() {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"attention_bias", false},
          {"attention_dropout", 0.0},
          {"bos_token_id", 128000},
          {"eos_token_id", {128001, 128008, 128009}},
          {"head_dim", 64},
          {"hidden_act", "silu"},
          {"hidden_size", 2048},
          {"initializer_range", 0.02},
          {"intermediate_size", 8192},
          {"max_position_embeddings", 131072},
          {"mlp_bias", false},
          {"model_type", "llama"},
          {"num_attention_heads", 32},
          {"num_hidden_layers", 16},
          {"num_key_value_heads", 8},
          {"pretraining_tp", 1},
          {"rms_norm_eps", 1e-05},
          {"rope_scaling",
           {{"factor", 32.0},
            {"high_freq_factor", 4.0},
            {"low_freq_factor", 1.0},
            {"original_max_position_embeddings", 8192},
            {"rope_type", "llama3"}}},
          {"rope_theta", 500000.0},
          {"tie_word_embeddings", true},
          {"torch_dtype", "bfloat16"},
          {"use_cache", true},
          {"vocab_size", 128256}};
}

// Qwen2.5-0.5B's.
Json Qwen2() {
  return {{"architectures", {"Qwen2ForCausalLM"}},
          {"attention_dropout", 0.0},
          {"bos_token_id", 151643},
          {"eos_token_id", 151643},
          {"hidden_act", "silu"},
          {"hidden_size", 896},
          {"initializer_range", 0.02},
          {"intermediate_size", 4864},
          {"max_position_embeddings", 32768},
          {"max_window_layers", 24},
          {"model_type", "qwen2"},
          {"num_attention_heads", 14},
          {"num_hidden_layers", 24},
          {"num_key_value_heads", 2},
          {"rms_norm_eps", 1e-06},
          {"rope_theta", 1000000.0},
          {"sliding_window", 32768},
          {"tie_word_embeddings", true},
          {"torch_dtype", "bfloat16"},
          {"use_mrope", false},
          {"use_sliding_window", false},
          {"vocab_size", 151936}};
}

ModelConfig Read(const Json& json) {
  auto config = ModelConfig::FromJson(json.dump());
  REQUIRE_OK(config);
  return *std::move(config);
}

TEST_CASE("Llama 3.2's fields are read", "[model]") {
  const ModelConfig config = Read(Llama());
  CHECK(config.family == Family::kLlama);
  CHECK(config.ParameterCount() == 1'235'814'400);
  CHECK(config.kv_heads() == 8);
  CHECK(config.head_size() == 64);
  CHECK(config.rotary_size() == 64);
  CHECK(config.rotary_base == 500000.0);
  CHECK(config.rope_scaling == RopeScaling{RopeType::kLlama3, 32.0, 1.0, 4.0, 8192});
  CHECK(config.eos_token_ids == std::vector<int64_t>{128001, 128008, 128009});
  CHECK(config.tied_embeddings);
  CHECK_FALSE(config.parallel_residual);
  CHECK_FALSE(config.query_key_value_bias);
  CHECK(config.weight_type == WeightType::kBfloat16);
}

TEST_CASE("Qwen2.5's fields are read", "[model]") {
  const ModelConfig config = Read(Qwen2());
  CHECK(config.family == Family::kQwen2);
  CHECK(config.ParameterCount() == 494'032'768);
  CHECK(config.query_key_value_bias);
  CHECK_FALSE(config.attention_out_bias);
  CHECK(config.rope_scaling == RopeScaling{});
  CHECK(config.norm_epsilon == 1e-6);
}

TEST_CASE("Version 5's form of Llama and Qwen2 gives the same model", "[model]") {
  Json json = Llama();
  json["rope_parameters"] = json["rope_scaling"];
  json["rope_parameters"]["rope_theta"] = json["rope_theta"];
  json["dtype"] = json["torch_dtype"];
  for (const char* field : {"rope_scaling", "rope_theta", "torch_dtype"}) json.erase(field);
  CHECK(Read(json) == Read(Llama()));
  json["rope_scaling"] = Llama()["rope_scaling"];  // both forms beside each other
  json["rope_theta"] = 500000;
  CHECK(Read(json) == Read(Llama()));

  json = Qwen2();
  json.erase("rope_theta");
  json["rope_parameters"] = {{"rope_theta", 1000000.0}, {"rope_type", "default"}};
  json["layer_types"] = Json::array({"full_attention", "full_attention"});
  json["sliding_window"] = nullptr;
  CHECK(Read(json) == Read(Qwen2()));
}

TEST_CASE("Fields left out have the defaults of transformers' classes", "[model]") {
  Json shape = {{"hidden_size", 256},
                {"intermediate_size", 512},
                {"num_attention_heads", 8},
                {"num_hidden_layers", 2},
                {"vocab_size", 300}};
  shape["model_type"] = "llama";
  const ModelConfig llama = Read(shape);
  CHECK(llama.context_length == 2048);
  CHECK(llama.norm_epsilon == 1e-6);
  CHECK(llama.rotary_base == 10000.0);
  CHECK(llama.kv_heads() == 8);
  CHECK(llama.bos_token_id == 1);
  CHECK(llama.eos_token_ids == std::vector<int64_t>{2});
  CHECK_FALSE(llama.tied_embeddings);
  CHECK(llama.weight_type == WeightType::kFloat32);

  shape["model_type"] = "qwen2";
  shape["num_attention_heads"] = 32;  // the class has 32 key-value heads
  const ModelConfig qwen2 = Read(shape);
  CHECK(qwen2.context_length == 32768);
  CHECK_FALSE(qwen2.bos_token_id.has_value());
  CHECK(qwen2.eos_token_ids.empty());
  shape["num_attention_heads"] = 8;
  REQUIRE_STATUS(ModelConfig::FromJson(shape.dump()), absl::StatusCode::kInvalidArgument,
                 "MODEL_CONFIG_INVALID");
  shape["num_key_value_heads"] = nullptr;
  CHECK(Read(shape).kv_heads() == 8);

  shape["model_type"] = "gpt_neox";
  shape.erase("num_key_value_heads");
  const ModelConfig gpt_neox = Read(shape);
  CHECK(gpt_neox.rotary_fraction == 0.25);
  CHECK(gpt_neox.parallel_residual);
  CHECK(gpt_neox.eos_token_ids == std::vector<int64_t>{2});
}

TEST_CASE("Written and read again every family is equal, and so are the bytes", "[model]") {
  Json biased = Llama();
  biased["attention_bias"] = true;
  biased["mlp_bias"] = true;
  biased["head_dim"] = 96;
  biased["eos_token_id"] = nullptr;
  biased["bos_token_id"] = nullptr;
  biased["pad_token_id"] = 7;
  biased["rope_scaling"] = {{"type", "linear"}, {"factor", 2.5}};
  for (const Json& json : {Llama(), Qwen2(), biased}) {
    const ModelConfig config = Read(json);
    const std::string text = config.ToJson();
    INFO(text);
    REQUIRE_OK_AND_ASSIGN(const ModelConfig again, ModelConfig::FromJson(text));
    CHECK(again == config);
    CHECK(again.ToJson() == text);
  }
}

TEST_CASE("Every defect of a Llama or Qwen2 file has its reason", "[model]") {
  struct Row {
    const char* defect;
    const char* reason;
    bool qwen2;
    std::function<void(Json&)> damage;
  };
  const auto set = [](const char* field, const Json& value) {
    return [field, value](Json& json) { json[field] = value; };
  };
  const auto rope = [](const char* field, const Json& value) {
    return [field, value](Json& json) { json["rope_scaling"][field] = value; };
  };
  const char* const invalid = "MODEL_CONFIG_INVALID";
  const char* const unsupported = "MODEL_UNSUPPORTED";
  const std::vector<Row> rows = {
      {"unknown family", unsupported, false, set("model_type", "mistral")},
      {"other architecture", unsupported, false, set("architectures", {"MistralForCausalLM"})},
      {"two architectures", unsupported, false,
       set("architectures", {"LlamaForCausalLM", "LlamaModel"})},
      {"gelu", unsupported, false, set("hidden_act", "gelu")},
      {"dropout", unsupported, false, set("attention_dropout", 0.1)},
      {"quantised", unsupported, false, set("quantization_config", {{"bits", 4}})},
      {"code", unsupported, false, set("auto_map", {{"AutoModel", "x.Y"}})},
      {"partial rotary", unsupported, false, set("partial_rotary_factor", 0.5)},
      {"yarn", unsupported, false, set("rope_scaling", {{"rope_type", "yarn"}, {"factor", 4}})},
      {"unknown rope field", unsupported, false, rope("attention_factor", 1.5)},
      {"rope is text", invalid, false, set("rope_scaling", "llama3")},
      {"two rope types", invalid, false, rope("type", "linear")},
      {"no factor", invalid, false, [](Json& json) { json["rope_scaling"].erase("factor"); }},
      {"factor without scaling", invalid, false, rope("rope_type", "default")},
      {"factor below 1", invalid, false, rope("factor", 0.5)},
      {"factors reversed", invalid, false, rope("high_freq_factor", 1.0)},
      {"no original context", invalid, false, rope("original_max_position_embeddings", 0)},
      {"two bases", invalid, false, rope("rope_theta", 1.0e4)},
      {"base 1", invalid, false, set("rope_theta", 1)},
      {"heads do not group", invalid, false, set("num_key_value_heads", 5)},
      {"no key head", invalid, false, set("num_key_value_heads", 0)},
      {"more keys than queries", invalid, false, set("num_key_value_heads", 64)},
      {"no head width", invalid, false, set("head_dim", 0)},
      {"odd head", invalid, false, set("head_dim", 63)},
      {"heads as text", "JSON_INVALID", false, set("num_key_value_heads", "8")},
      {"end outside", invalid, false, set("eos_token_id", {1, 128256})},
      {"end as text", "JSON_INVALID", false, set("eos_token_id", {"</s>"})},
      {"epsilon 0", invalid, false, set("rms_norm_eps", 0)},
      {"context 1", invalid, false, set("max_position_embeddings", 1)},
      {"sliding window in use", unsupported, true, set("use_sliding_window", true)},
      {"sliding block", unsupported, true,
       set("layer_types", {"full_attention", "sliding_attention"})},
      {"window of a Llama", unsupported, false, set("sliding_window", 4096)},
  };
  for (const Row& row : rows) {
    INFO(row.defect);
    Json json = row.qwen2 ? Qwen2() : Llama();
    row.damage(json);
    REQUIRE_STATUS(ModelConfig::FromJson(json.dump()),
                   row.reason == unsupported ? absl::StatusCode::kUnimplemented
                                             : absl::StatusCode::kInvalidArgument,
                   row.reason);
  }
}

}  // namespace
}  // namespace kalavai

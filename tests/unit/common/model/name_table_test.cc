// Goal: the names and shapes of every family are those of its files, and frozen ones are told.
// Method: published parameter counts; names picked from real files; tables of names.
#include "common/model/name_table.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

ModelConfig SmolLm2() {
  ModelConfig config = ModelConfig::Defaults(Family::kLlama);
  config.vocab_size = 49152;
  config.hidden_size = 576;
  config.layer_count = 30;
  config.head_count = 9;
  config.kv_head_count = 3;
  config.intermediate_size = 1536;
  config.tied_embeddings = true;
  return config;
}

ModelConfig Qwen25() {  // Qwen2.5-0.5B
  ModelConfig config = ModelConfig::Defaults(Family::kQwen2);
  config.vocab_size = 151936;
  config.hidden_size = 896;
  config.layer_count = 24;
  config.head_count = 14;
  config.kv_head_count = 2;
  config.intermediate_size = 4864;
  config.tied_embeddings = true;
  return config;
}

int64_t Elements(const ModelConfig& config) {
  int64_t sum = 0;
  for (const auto& [name, shape] : ParameterShapes(config)) {
    int64_t product = 1;
    for (const int64_t size : shape) product *= size;
    sum += product;
  }
  return sum;
}

TEST_CASE("The table's elements are the published number of parameters", "[model]") {
  CHECK(Elements(SmolLm2()) == 134'515'008);
  CHECK(SmolLm2().ParameterCount() == 134'515'008);
  CHECK(Elements(Qwen25()) == 494'032'768);
  CHECK(Qwen25().ParameterCount() == 494'032'768);
  ModelConfig biased = SmolLm2();
  biased.query_key_value_bias = biased.attention_out_bias = biased.feed_forward_bias = true;
  biased.tied_embeddings = false;
  biased.explicit_head_size = 80;
  CHECK(Elements(biased) == biased.ParameterCount());
}

TEST_CASE("Names and shapes are those of the families' files", "[model]") {
  const auto llama = ParameterShapes(SmolLm2());
  CHECK(llama.size() == 2 + 30 * 9);
  CHECK(llama.at("model.layers.29.self_attn.q_proj.weight") == std::vector<int64_t>{576, 576});
  CHECK(llama.at("model.layers.0.self_attn.k_proj.weight") == std::vector<int64_t>{192, 576});
  CHECK(llama.at("model.layers.0.mlp.down_proj.weight") == std::vector<int64_t>{576, 1536});
  CHECK_FALSE(llama.contains("lm_head.weight"));
  const auto qwen2 = ParameterShapes(Qwen25());
  CHECK(qwen2.size() == 2 + 24 * 12);
  CHECK(qwen2.at("model.layers.3.self_attn.v_proj.bias") == std::vector<int64_t>{128});
  CHECK_FALSE(qwen2.contains("model.layers.3.self_attn.o_proj.bias"));
}

TEST_CASE("Freeze depth K keeps the input embedding and blocks 0 to K-1", "[model]") {
  struct Row {
    const char* name;
    int64_t depth;
    bool frozen;
  };
  const Row rows[] = {
      {"gpt_neox.embed_in.weight", 0, false},
      {"gpt_neox.embed_in.weight", 1, true},
      {"gpt_neox.layers.0.mlp.dense_h_to_4h.weight", 1, true},
      {"gpt_neox.layers.1.mlp.dense_h_to_4h.weight", 1, false},
      {"gpt_neox.layers.10.attention.dense.bias", 2, false},
      {"gpt_neox.layers.10.attention.dense.bias", 11, true},
      {"gpt_neox.final_layer_norm.weight", 99, false},
      {"embed_out.weight", 99, false},
      {"model.embed_tokens.weight", 0, false},
      {"model.embed_tokens.weight", 1, true},
      {"model.layers.0.self_attn.k_proj.bias", 1, true},
      {"model.layers.12.mlp.up_proj.weight", 12, false},
      {"model.norm.weight", 99, false},
      {"lm_head.weight", 99, false},
  };
  for (const Row& row : rows) {
    INFO(row.name << " at " << row.depth);
    CHECK(IsFrozenName(row.name, row.depth) == row.frozen);
  }
  CHECK(FrozenNames(SmolLm2(), 0).empty());
  const std::vector<std::string> names = FrozenNames(SmolLm2(), 2);
  CHECK(names.size() == 1 + 2 * 9);
  CHECK(names.front() == "model.embed_tokens.weight");
  for (const std::string& name : names) CHECK(name.find("layers.10.") == std::string::npos);
}

TEST_CASE("Buffers are told from weights by their names", "[model]") {
  for (const char* const buffer :
       {"gpt_neox.layers.0.attention.bias", "gpt_neox.layers.11.attention.masked_bias",
        "gpt_neox.layers.3.attention.rotary_emb.inv_freq",
        "model.layers.3.self_attn.rotary_emb.inv_freq"}) {
    INFO(buffer);
    REQUIRE(IsComputedBuffer(buffer));
  }
  for (const char* const weight :
       {"gpt_neox.layers.0.attention.dense.bias",
        "gpt_neox.layers.0.attention.query_key_value.bias", "other.layers.0.attention.bias",
        "gpt_neox.layers.x.attention.bias", "model.layers.0.attention.bias",
        "model.layers.0.self_attn.q_proj.bias", "embed_out.weight", "lm_head.weight"}) {
    INFO(weight);
    REQUIRE_FALSE(IsComputedBuffer(weight));
  }
}

}  // namespace
}  // namespace kalavai

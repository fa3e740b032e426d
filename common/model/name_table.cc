#include "common/model/name_table.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace kalavai {
namespace {

using Shapes = std::map<std::string, std::vector<int64_t>>;

// "….layers.N." off the front of a name of any family; −1 when it is not there.
int64_t ConsumeLayer(absl::string_view& name) {
  absl::string_view rest = name;
  if (!absl::ConsumePrefix(&rest, "gpt_neox.layers.") &&
      !absl::ConsumePrefix(&rest, "model.layers.")) {
    return -1;
  }
  const size_t dot = rest.find('.');
  if (dot == absl::string_view::npos) return -1;
  int64_t layer = 0;
  if (!absl::SimpleAtoi(rest.substr(0, dot), &layer) || layer < 0) return -1;
  name = rest.substr(dot + 1);
  return layer;
}

void AddLinear(const std::string& name, int64_t outputs, int64_t inputs, bool bias,
               Shapes& shapes) {
  shapes[name + ".weight"] = {outputs, inputs};
  if (bias) shapes[name + ".bias"] = {outputs};
}

void AddNorm(const std::string& name, const ModelConfig& config, Shapes& shapes) {
  shapes[name + ".weight"] = {config.hidden_size};
  if (!config.rms_norm()) shapes[name + ".bias"] = {config.hidden_size};
}

void AddBlock(const ModelConfig& config, int64_t layer, Shapes& shapes) {
  const BlockNames names = BlockNamesOf(config.family, layer);
  const int64_t d = config.hidden_size;
  AddNorm(names.attention_norm, config, shapes);
  const int64_t fused = config.query_size() + 2 * config.key_value_size();
  for (size_t i = 0; i < names.query_key_value.size(); ++i) {
    const int64_t rows = names.query_key_value.size() == 1 ? fused
                         : i == 0                          ? config.query_size()
                                                           : config.key_value_size();
    AddLinear(names.query_key_value[i], rows, d, config.query_key_value_bias, shapes);
  }
  AddLinear(names.attention_out, d, config.query_size(), config.attention_out_bias, shapes);
  AddNorm(names.feed_forward_norm, config, shapes);
  for (const std::string& name : names.feed_forward_in) {
    AddLinear(name, config.intermediate_size, d, config.feed_forward_bias, shapes);
  }
  AddLinear(names.feed_forward_out, d, config.intermediate_size, config.feed_forward_bias, shapes);
}

}  // namespace

std::string EmbedInName(Family family) {
  return family == Family::kGptNeox ? "gpt_neox.embed_in.weight" : "model.embed_tokens.weight";
}

std::string EmbedOutName(Family family) {
  return family == Family::kGptNeox ? "embed_out.weight" : "lm_head.weight";
}

std::string FinalNormName(Family family) {
  return family == Family::kGptNeox ? "gpt_neox.final_layer_norm" : "model.norm";
}

BlockNames BlockNamesOf(Family family, int64_t layer) {
  if (family == Family::kGptNeox) {
    const std::string prefix = absl::StrCat("gpt_neox.layers.", layer, ".");
    return {.attention_norm = prefix + "input_layernorm",
            .query_key_value = {prefix + "attention.query_key_value"},
            .attention_out = prefix + "attention.dense",
            .feed_forward_norm = prefix + "post_attention_layernorm",
            .feed_forward_in = {prefix + "mlp.dense_h_to_4h"},
            .feed_forward_out = prefix + "mlp.dense_4h_to_h"};
  }
  const std::string prefix = absl::StrCat("model.layers.", layer, ".");
  return {.attention_norm = prefix + "input_layernorm",
          .query_key_value = {prefix + "self_attn.q_proj", prefix + "self_attn.k_proj",
                              prefix + "self_attn.v_proj"},
          .attention_out = prefix + "self_attn.o_proj",
          .feed_forward_norm = prefix + "post_attention_layernorm",
          .feed_forward_in = {prefix + "mlp.gate_proj", prefix + "mlp.up_proj"},
          .feed_forward_out = prefix + "mlp.down_proj"};
}

Shapes ParameterShapes(const ModelConfig& config) {
  Shapes shapes;
  shapes[EmbedInName(config.family)] = {config.vocab_size, config.hidden_size};
  for (int64_t layer = 0; layer < config.layer_count; ++layer) AddBlock(config, layer, shapes);
  AddNorm(FinalNormName(config.family), config, shapes);
  if (!config.tied_embeddings) {
    shapes[EmbedOutName(config.family)] = {config.vocab_size, config.hidden_size};
  }
  return shapes;
}

bool IsFrozenName(absl::string_view tensor_name, int64_t freeze_depth) {
  if (freeze_depth <= 0) return false;
  for (const Family family : {Family::kGptNeox, Family::kLlama}) {
    if (tensor_name == EmbedInName(family)) return true;
  }
  const int64_t layer = ConsumeLayer(tensor_name);
  return layer >= 0 && layer < freeze_depth;
}

std::vector<std::string> FrozenNames(const ModelConfig& config, int64_t freeze_depth) {
  std::vector<std::string> names;
  for (const auto& [name, shape] : ParameterShapes(config)) {
    if (IsFrozenName(name, freeze_depth)) names.push_back(name);
  }
  return names;
}

bool IsComputedBuffer(absl::string_view tensor_name) {
  const bool gpt_neox = absl::StartsWith(tensor_name, "gpt_neox.");
  if (ConsumeLayer(tensor_name) < 0) return false;
  if (!gpt_neox) return tensor_name == "self_attn.rotary_emb.inv_freq";
  return tensor_name == "attention.bias" || tensor_name == "attention.masked_bias" ||
         tensor_name == "attention.rotary_emb.inv_freq";
}

}  // namespace kalavai

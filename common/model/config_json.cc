#include "common/model/config_json.h"

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/status_macros.h"

namespace kalavai {
namespace {

using Json = nlohmann::json;

const char* ArchitectureOf(Family family) {
  switch (family) {
    case Family::kGptNeox:
      return "GPTNeoXForCausalLM";
    case Family::kLlama:
      return "LlamaForCausalLM";
    case Family::kQwen2:
      return "Qwen2ForCausalLM";
  }
  return "";
}

const char* ActivationOf(Family family) { return family == Family::kGptNeox ? "gelu" : "silu"; }

std::string Text(const Json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

bool Has(const Json& json, const char* field) {
  return json.contains(field) && !json.at(field).is_null();
}

absl::StatusOr<int64_t> IntOr(const Json& json, const char* field, int64_t fallback) {
  if (!Has(json, field)) return fallback;
  return JsonInt(json, field);
}

absl::StatusOr<bool> BoolOr(const Json& json, const char* field, bool fallback) {
  if (!Has(json, field)) return fallback;
  return JsonBool(json, field);
}

absl::StatusOr<double> NumberOr(const Json& json, const char* field, double fallback) {
  if (!Has(json, field)) return fallback;
  return JsonNumber(json, field);
}

// config.json and the objects that hold the rotary embedding's settings: empty when absent.
struct Sources {
  Json config;
  Json rope_scaling;     // version 4
  Json rope_parameters;  // version 5; also what version 4 wrote, on top level
};

// One number under any of several names (versions of transformers differ); present more than once,
// the values must be equal.
absl::StatusOr<std::optional<double>> NumberOfAny(std::initializer_list<const Json*> objects,
                                                  std::initializer_list<const char*> names) {
  std::optional<double> value;
  for (const Json* object : objects) {
    for (const char* name : names) {
      if (!Has(*object, name)) continue;
      ASSIGN_OR_RETURN(const double found, JsonNumber(*object, name));
      if (value.has_value() && *value != found) {
        return ConfigInvalid(name, absl::StrCat(found),
                             absl::StrCat("equal to ", *value, ", given elsewhere in the file"));
      }
      value = found;
    }
  }
  return value;
}

absl::StatusOr<Json> RopeObject(const Json& json, const char* field) {
  static const auto* const kKnown = new std::set<std::string>{"factor",
                                                              "high_freq_factor",
                                                              "low_freq_factor",
                                                              "original_max_position_embeddings",
                                                              "partial_rotary_factor",
                                                              "rope_theta",
                                                              "rope_type",
                                                              "type"};
  if (!Has(json, field)) return Json::object();
  const Json& rope = json.at(field);
  if (!rope.is_object()) return ConfigInvalid(field, Text(rope), "an object or null");
  for (const auto& [name, value] : rope.items()) {
    if (value.is_null() || kKnown->contains(name)) continue;
    return ConfigUnsupported(absl::StrCat(field, ".", name), Text(value), "absent");
  }
  return rope;
}

absl::StatusOr<RopeType> ReadRopeType(const Sources& sources) {
  std::optional<std::string> name;
  for (const Json* object : {&sources.rope_scaling, &sources.rope_parameters}) {
    for (const char* field : {"rope_type", "type"}) {
      if (!Has(*object, field)) continue;
      ASSIGN_OR_RETURN(const std::string found, JsonString(*object, field));
      if (name.has_value() && *name != found) {
        return ConfigInvalid(field, absl::StrCat("'", found, "'"),
                             absl::StrCat("'", *name, "', as given elsewhere in the file"));
      }
      name = found;
    }
  }
  if (!name.has_value()) return RopeType::kDefault;
  for (const RopeType type : {RopeType::kDefault, RopeType::kLinear, RopeType::kLlama3}) {
    if (*name == NameOf(type)) return type;
  }
  return ConfigUnsupported("rope_type", absl::StrCat("'", *name, "'"),
                           "'default', 'linear' or 'llama3'");
}

// `field` of the scaling; its type decides whether it must be there.
absl::Status ReadScalingNumber(const Sources& sources, const char* field, bool needed,
                               double* value) {
  ASSIGN_OR_RETURN(const std::optional<double> found,
                   NumberOfAny({&sources.rope_scaling, &sources.rope_parameters}, {field}));
  if (found.has_value() != needed) {
    return ConfigInvalid(absl::StrCat("rope_scaling.", field),
                         found.has_value() ? absl::StrCat(*found) : "nothing",
                         needed ? "a number for this rope_type" : "absent for this rope_type");
  }
  if (needed) *value = *found;
  return absl::OkStatus();
}

absl::Status ReadRope(const Sources& sources, ModelConfig& c) {
  const bool gpt_neox = c.family == Family::kGptNeox;
  const auto everywhere = {&sources.config, &sources.rope_scaling, &sources.rope_parameters};
  ASSIGN_OR_RETURN(const std::optional<double> base,
                   gpt_neox ? NumberOfAny(everywhere, {"rotary_emb_base", "rope_theta"})
                            : NumberOfAny(everywhere, {"rope_theta"}));
  ASSIGN_OR_RETURN(const std::optional<double> fraction,
                   gpt_neox ? NumberOfAny(everywhere, {"rotary_pct", "partial_rotary_factor"})
                            : NumberOfAny(everywhere, {"partial_rotary_factor"}));
  c.rotary_base = base.value_or(c.rotary_base);
  c.rotary_fraction = fraction.value_or(c.rotary_fraction);
  if (!gpt_neox && c.rotary_fraction != 1.0) {
    return ConfigUnsupported("partial_rotary_factor", absl::StrCat(c.rotary_fraction), "1");
  }

  RopeScaling& scaling = c.rope_scaling;
  ASSIGN_OR_RETURN(scaling.type, ReadRopeType(sources));
  const bool llama3 = scaling.type == RopeType::kLlama3;
  RETURN_IF_ERROR(
      ReadScalingNumber(sources, "factor", scaling.type != RopeType::kDefault, &scaling.factor));
  RETURN_IF_ERROR(
      ReadScalingNumber(sources, "low_freq_factor", llama3, &scaling.low_frequency_factor));
  RETURN_IF_ERROR(
      ReadScalingNumber(sources, "high_freq_factor", llama3, &scaling.high_frequency_factor));
  if (!llama3) return absl::OkStatus();
  scaling.original_context_length = c.context_length;  // as transformers when it is left out
  for (const Json* object : {&sources.rope_parameters, &sources.rope_scaling}) {
    ASSIGN_OR_RETURN(
        scaling.original_context_length,
        IntOr(*object, "original_max_position_embeddings", scaling.original_context_length));
  }
  return absl::OkStatus();
}

absl::StatusOr<WeightType> ReadWeightType(const Json& json) {
  std::optional<std::string> name;
  for (const char* field : {"torch_dtype", "dtype"}) {
    if (!Has(json, field)) continue;
    ASSIGN_OR_RETURN(const std::string found, JsonString(json, field));
    if (name.has_value() && *name != found) {
      return ConfigInvalid(field, absl::StrCat("'", found, "'"),
                           absl::StrCat("'", *name, "', as the other field says"));
    }
    name = found;
  }
  if (!name.has_value() || *name == "float32" || *name == "float16") return WeightType::kFloat32;
  if (*name == "bfloat16") return WeightType::kBfloat16;
  return ConfigUnsupported("dtype", absl::StrCat("'", *name, "'"),
                           "'float32', 'float16' or 'bfloat16'");
}

// Fields that would change the arithmetic must have the one value that is computed.
absl::Status CheckVariant(const Json& json, Family family) {
  if (Has(json, "architectures")) {
    const Json expected = Json::array({ArchitectureOf(family)});
    if (json.at("architectures") != expected) {
      return ConfigUnsupported("architectures", Text(json.at("architectures")), Text(expected));
    }
  }
  if (Has(json, "hidden_act")) {
    ASSIGN_OR_RETURN(const std::string act, JsonString(json, "hidden_act"));
    if (act != ActivationOf(family)) {
      return ConfigUnsupported("hidden_act", absl::StrCat("'", act, "'"),
                               absl::StrCat("'", ActivationOf(family), "'"));
    }
  }
  for (const char* field : {"attention_dropout", "hidden_dropout"}) {
    ASSIGN_OR_RETURN(const double dropout, NumberOr(json, field, 0.0));
    if (dropout != 0.0) return ConfigUnsupported(field, absl::StrCat(dropout), "0");
  }
  ASSIGN_OR_RETURN(const bool window, BoolOr(json, "use_sliding_window", false));
  if (window) return ConfigUnsupported("use_sliding_window", "true", "false");
  // Qwen2's files name a window that use_sliding_window keeps out of use.
  if (family != Family::kQwen2 && Has(json, "sliding_window")) {
    return ConfigUnsupported("sliding_window", Text(json.at("sliding_window")), "absent or null");
  }
  if (Has(json, "layer_types")) {
    for (const Json& type : json.at("layer_types")) {
      if (type == "full_attention") continue;
      return ConfigUnsupported("layer_types", Text(type), "'full_attention' for every block");
    }
  }
  for (const char* field : {"quantization_config", "auto_map"}) {
    if (Has(json, field)) return ConfigUnsupported(field, "a value", "absent or null");
  }
  return absl::OkStatus();
}

// attention_bias and mlp_bias, where the class has them.
absl::Status ReadBiases(const Json& json, ModelConfig& c) {
  if (c.family == Family::kQwen2) return absl::OkStatus();  // its class ignores both
  ASSIGN_OR_RETURN(c.query_key_value_bias, BoolOr(json, "attention_bias", c.query_key_value_bias));
  c.attention_out_bias = c.query_key_value_bias;
  if (c.family == Family::kLlama) {
    ASSIGN_OR_RETURN(c.feed_forward_bias, BoolOr(json, "mlp_bias", c.feed_forward_bias));
  }
  return absl::OkStatus();
}

absl::Status ReadShape(const Json& json, ModelConfig& c) {
  ASSIGN_OR_RETURN(c.vocab_size, JsonInt(json, "vocab_size"));
  ASSIGN_OR_RETURN(c.hidden_size, JsonInt(json, "hidden_size"));
  ASSIGN_OR_RETURN(c.layer_count, JsonInt(json, "num_hidden_layers"));
  ASSIGN_OR_RETURN(c.head_count, JsonInt(json, "num_attention_heads"));
  ASSIGN_OR_RETURN(c.intermediate_size, JsonInt(json, "intermediate_size"));
  ASSIGN_OR_RETURN(c.context_length, IntOr(json, "max_position_embeddings", c.context_length));
  if (Has(json, "num_key_value_heads")) {
    ASSIGN_OR_RETURN(c.kv_head_count, JsonInt(json, "num_key_value_heads"));
    if (c.kv_head_count < 1) {
      return ConfigInvalid("num_key_value_heads", absl::StrCat(c.kv_head_count), "at least 1");
    }
  } else if (c.family == Family::kQwen2 && !json.contains("num_key_value_heads")) {
    c.kv_head_count = 32;  // the class's default; null is one a query head
  }
  if (c.kv_head_count == c.head_count) c.kv_head_count = 0;
  if (!Has(json, "head_dim")) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t size, JsonInt(json, "head_dim"));
  if (size < 1) return ConfigInvalid("head_dim", absl::StrCat(size), "at least 1");
  // Kept only where it says something, so that a file with and one without it are equal.
  const bool usual =
      c.head_count > 0 && c.hidden_size % c.head_count == 0 && size == c.hidden_size / c.head_count;
  c.explicit_head_size = usual ? 0 : size;
  return absl::OkStatus();
}

// A number or null; a default of the class that lies outside the vocabulary is dropped.
absl::Status ReadTokenIds(const Json& json, ModelConfig& c) {
  const auto read_one = [&](const char* field, std::optional<int64_t>& id) -> absl::Status {
    if (!json.contains(field)) {
      if (id.has_value() && *id >= c.vocab_size) id.reset();
      return absl::OkStatus();
    }
    id.reset();
    if (json.at(field).is_null()) return absl::OkStatus();
    ASSIGN_OR_RETURN(id, JsonInt(json, field));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(read_one("bos_token_id", c.bos_token_id));
  RETURN_IF_ERROR(read_one("pad_token_id", c.pad_token_id));
  if (Has(json, "eos_token_id") && json.at("eos_token_id").is_array()) {
    c.eos_token_ids.clear();
    for (const Json& id : json.at("eos_token_id")) {
      ASSIGN_OR_RETURN(const int64_t value, JsonInt({{"eos_token_id", id}}, "eos_token_id"));
      c.eos_token_ids.push_back(value);
    }
    return absl::OkStatus();
  }
  std::optional<int64_t> eos;
  if (!c.eos_token_ids.empty()) eos = c.eos_token_ids.front();
  RETURN_IF_ERROR(read_one("eos_token_id", eos));
  c.eos_token_ids.clear();
  if (eos.has_value()) c.eos_token_ids.push_back(*eos);
  return absl::OkStatus();
}

Json RopeScalingJson(const RopeScaling& scaling) {
  Json json = {{"rope_type", std::string(NameOf(scaling.type))}};
  if (scaling.type == RopeType::kDefault) return json;
  json["factor"] = scaling.factor;
  if (scaling.type == RopeType::kLinear) return json;
  json["low_freq_factor"] = scaling.low_frequency_factor;
  json["high_freq_factor"] = scaling.high_frequency_factor;
  json["original_max_position_embeddings"] = scaling.original_context_length;
  return json;
}

// `rope_parameters` for version 5, the older names beside it for version 4.
void WriteRope(const ModelConfig& c, Json& json) {
  Json parameters = RopeScalingJson(c.rope_scaling);
  if (c.rope_scaling.type != RopeType::kDefault) json["rope_scaling"] = parameters;
  parameters["rope_theta"] = c.rotary_base;
  if (c.family == Family::kGptNeox) {
    parameters["partial_rotary_factor"] = c.rotary_fraction;
    json["rotary_emb_base"] = c.rotary_base;
    json["rotary_pct"] = c.rotary_fraction;
  } else {
    json["rope_theta"] = c.rotary_base;
  }
  json["rope_parameters"] = parameters;
}

void WriteFamily(const ModelConfig& c, Json& json) {
  if (c.family == Family::kGptNeox) {
    json["attention_bias"] = c.query_key_value_bias;
    json["hidden_dropout"] = 0.0;
    json["layer_norm_eps"] = c.norm_epsilon;
    json["use_parallel_residual"] = c.parallel_residual;
    return;
  }
  json["num_key_value_heads"] = c.kv_heads();
  json["rms_norm_eps"] = c.norm_epsilon;
  if (c.explicit_head_size != 0) json["head_dim"] = c.explicit_head_size;
  if (c.family == Family::kQwen2) {
    json["use_sliding_window"] = false;
    return;
  }
  json["attention_bias"] = c.query_key_value_bias;
  json["mlp_bias"] = c.feed_forward_bias;
}

Json OptionalJson(const std::optional<int64_t>& id) { return id.has_value() ? Json(*id) : Json(); }

}  // namespace

absl::Status ConfigInvalid(absl::string_view field, absl::string_view found,
                           absl::string_view rule) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MODEL_CONFIG_INVALID",
      {.what = absl::StrCat("config.json: `", field, "`: ", found, " found; must be ", rule),
       .why = "these numbers fix the shape of every tensor",
       .fix = "take config.json from the directory the weights came from",
       .metadata = {{"field", std::string(field)}, {"actual", std::string(found)}}});
}

absl::Status ConfigUnsupported(absl::string_view field, absl::string_view found,
                               absl::string_view supported) {
  return MakeError(
      absl::StatusCode::kUnimplemented, "MODEL_UNSUPPORTED",
      {.what = absl::StrCat("config.json: `", field, "`: ", found, " found; must be ", supported),
       .why = "the model would be computed otherwise than its authors meant",
       .fix = "use a GPT-NeoX (Pythia), Llama or Qwen2 checkpoint of the usual form",
       .metadata = {{"field", std::string(field)}, {"actual", std::string(found)}}});
}

absl::StatusOr<ModelConfig> ReadConfigJson(absl::string_view text) {
  ASSIGN_OR_RETURN(Json json, ReadJson(text));
  if (!json.is_object()) return ConfigInvalid("config", "not an object", "a JSON object");
  ASSIGN_OR_RETURN(const std::string type, JsonString(json, "model_type"));
  ASSIGN_OR_RETURN(const Family family, FamilyFromName(type));
  RETURN_IF_ERROR(CheckVariant(json, family));

  ModelConfig c = ModelConfig::Defaults(family);
  RETURN_IF_ERROR(ReadShape(json, c));
  RETURN_IF_ERROR(ReadTokenIds(json, c));
  RETURN_IF_ERROR(ReadBiases(json, c));
  ASSIGN_OR_RETURN(c.norm_epsilon, NumberOr(json, c.rms_norm() ? "rms_norm_eps" : "layer_norm_eps",
                                            c.norm_epsilon));
  ASSIGN_OR_RETURN(c.initializer_range, NumberOr(json, "initializer_range", c.initializer_range));
  if (family == Family::kGptNeox) {
    ASSIGN_OR_RETURN(c.parallel_residual, BoolOr(json, "use_parallel_residual", true));
  }
  ASSIGN_OR_RETURN(c.tied_embeddings, BoolOr(json, "tie_word_embeddings", false));
  ASSIGN_OR_RETURN(c.weight_type, ReadWeightType(json));
  ASSIGN_OR_RETURN(Json rope_scaling, RopeObject(json, "rope_scaling"));
  ASSIGN_OR_RETURN(Json rope_parameters, RopeObject(json, "rope_parameters"));
  RETURN_IF_ERROR(
      ReadRope({std::move(json), std::move(rope_scaling), std::move(rope_parameters)}, c));
  return c;
}

std::string WriteConfigJson(const ModelConfig& c) {
  const std::string dtype(NameOf(c.weight_type));
  Json eos = c.eos_token_ids;
  if (c.eos_token_ids.empty()) eos = Json();
  if (c.eos_token_ids.size() == 1) eos = c.eos_token_ids.front();
  Json json = {
      {"architectures", {ArchitectureOf(c.family)}},
      {"attention_dropout", 0.0},
      {"bos_token_id", OptionalJson(c.bos_token_id)},
      {"dtype", dtype},
      {"eos_token_id", eos},
      {"hidden_act", ActivationOf(c.family)},
      {"hidden_size", c.hidden_size},
      {"initializer_range", c.initializer_range},
      {"intermediate_size", c.intermediate_size},
      {"max_position_embeddings", c.context_length},
      {"model_type", std::string(NameOf(c.family))},
      {"num_attention_heads", c.head_count},
      {"num_hidden_layers", c.layer_count},
      {"tie_word_embeddings", c.tied_embeddings},
      {"torch_dtype", dtype},
      {"vocab_size", c.vocab_size},
  };
  if (c.pad_token_id.has_value()) json["pad_token_id"] = *c.pad_token_id;
  WriteFamily(c, json);
  WriteRope(c, json);
  return json.dump(2) + "\n";
}

}  // namespace kalavai

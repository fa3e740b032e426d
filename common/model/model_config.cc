#include "common/model/model_config.h"

#include <cmath>
#include <initializer_list>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/status_macros.h"

namespace kalavai {
namespace {

using Json = nlohmann::json;

absl::Status Invalid(absl::string_view field, absl::string_view found, absl::string_view rule) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MODEL_CONFIG_INVALID",
      {.what = absl::StrCat("config.json: `", field, "`: ", found, " found; must be ", rule),
       .why = "these numbers fix the shape of every tensor",
       .fix = "take config.json from the directory the weights came from",
       .metadata = {{"field", std::string(field)}, {"actual", std::string(found)}}});
}

absl::Status Unsupported(absl::string_view field, absl::string_view found,
                         absl::string_view supported) {
  return MakeError(
      absl::StatusCode::kUnimplemented, "MODEL_UNSUPPORTED",
      {.what = absl::StrCat("config.json: `", field, "`: ", found, " found; must be ", supported),
       .why = "only the GPT-NeoX architecture in Pythia's form is computed",
       .fix = "use a Pythia checkpoint, or another GPT-NeoX model of this form",
       .metadata = {{"field", std::string(field)}, {"actual", std::string(found)}}});
}

bool Has(const Json& json, const char* field) {
  return json.contains(field) && !json.at(field).is_null();
}

// One number under any of several names (versions of transformers differ); present more than once,
// the values must be equal.
absl::StatusOr<double> NumberOfAny(const Json& json, const Json& rope,
                                   std::initializer_list<const char*> names, double fallback) {
  std::optional<double> value;
  for (const Json* object : {&json, &rope}) {
    for (const char* name : names) {
      if (!Has(*object, name)) continue;
      ASSIGN_OR_RETURN(const double found, JsonNumber(*object, name));
      if (value.has_value() && *value != found) {
        return Invalid(name, absl::StrCat(found),
                       absl::StrCat("equal to ", *value, ", given under another name"));
      }
      value = found;
    }
  }
  return value.value_or(fallback);
}

// Fields that would change the arithmetic must have the one value that is computed.
absl::Status CheckVariant(const Json& json) {
  ASSIGN_OR_RETURN(const std::string type, JsonString(json, "model_type"));
  if (type != "gpt_neox") {
    return Unsupported("model_type", absl::StrCat("'", type, "'"), "'gpt_neox'");
  }
  if (Has(json, "architectures")) {
    const Json& names = json.at("architectures");
    if (names != Json::array({"GPTNeoXForCausalLM"})) {
      return Unsupported("architectures", names.dump(-1, ' ', true), "[\"GPTNeoXForCausalLM\"]");
    }
  }
  if (Has(json, "hidden_act")) {
    ASSIGN_OR_RETURN(const std::string act, JsonString(json, "hidden_act"));
    if (act != "gelu") {
      return Unsupported("hidden_act", absl::StrCat("'", act, "'"), "'gelu'");
    }
  }
  if (Has(json, "attention_bias")) {
    ASSIGN_OR_RETURN(const bool bias, JsonBool(json, "attention_bias"));
    if (!bias) return Unsupported("attention_bias", "false", "true");
  }
  for (const char* field : {"attention_dropout", "hidden_dropout"}) {
    if (!Has(json, field)) continue;
    ASSIGN_OR_RETURN(const double dropout, JsonNumber(json, field));
    if (dropout != 0.0) return Unsupported(field, absl::StrCat(dropout), "0");
  }
  for (const char* field : {"rope_scaling", "sliding_window", "quantization_config"}) {
    if (Has(json, field)) return Unsupported(field, "a value", "absent or null");
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> RopeParameters(const Json& json) {
  if (!Has(json, "rope_parameters")) return Json::object();
  const Json& rope = json.at("rope_parameters");
  if (!rope.is_object()) return Invalid("rope_parameters", "not an object", "an object");
  if (Has(rope, "rope_type")) {
    ASSIGN_OR_RETURN(const std::string type, JsonString(rope, "rope_type"));
    if (type != "default") {
      return Unsupported("rope_parameters.rope_type", absl::StrCat("'", type, "'"), "'default'");
    }
  }
  return rope;
}

absl::StatusOr<WeightType> ReadWeightType(const Json& json) {
  std::optional<std::string> name;
  for (const char* field : {"torch_dtype", "dtype"}) {
    if (!Has(json, field)) continue;
    ASSIGN_OR_RETURN(const std::string found, JsonString(json, field));
    if (name.has_value() && *name != found) {
      return Invalid(field, absl::StrCat("'", found, "'"),
                     absl::StrCat("'", *name, "', as the other field says"));
    }
    name = found;
  }
  if (!name.has_value() || *name == "float32" || *name == "float16") return WeightType::kFloat32;
  if (*name == "bfloat16") return WeightType::kBfloat16;
  return Unsupported("dtype", absl::StrCat("'", *name, "'"), "'float32', 'float16' or 'bfloat16'");
}

absl::StatusOr<int64_t> IntOr(const Json& json, const char* field, int64_t fallback) {
  if (!Has(json, field)) return fallback;
  return JsonInt(json, field);
}

absl::StatusOr<bool> BoolOr(const Json& json, const char* field, bool fallback) {
  if (!Has(json, field)) return fallback;
  return JsonBool(json, field);
}

absl::Status CheckRange(const char* field, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return Invalid(field, absl::StrCat(value), absl::StrCat("in [", low, ", ", high, "]"));
}

// Weights and biases of one block.
int64_t BlockParameters(const ModelConfig& c) {
  const int64_t d = c.hidden_size;
  const int64_t norms = 4 * d;
  const int64_t attention = 3 * d * d + 3 * d + d * d + d;
  const int64_t feed_forward = 2 * d * c.intermediate_size + c.intermediate_size + d;
  return norms + attention + feed_forward;
}

}  // namespace

int64_t BytesOf(WeightType type) { return type == WeightType::kFloat32 ? 4 : 2; }

absl::string_view NameOf(WeightType type) {
  return type == WeightType::kFloat32 ? "float32" : "bfloat16";
}

absl::StatusOr<ModelConfig> ModelConfig::FromJson(absl::string_view text) {
  ASSIGN_OR_RETURN(const Json json, ReadJson(text));
  if (!json.is_object()) return Invalid("config", "not an object", "a JSON object");
  RETURN_IF_ERROR(CheckVariant(json));
  ASSIGN_OR_RETURN(const Json rope, RopeParameters(json));

  ModelConfig c;
  ASSIGN_OR_RETURN(c.vocab_size, JsonInt(json, "vocab_size"));
  ASSIGN_OR_RETURN(c.hidden_size, JsonInt(json, "hidden_size"));
  ASSIGN_OR_RETURN(c.layer_count, JsonInt(json, "num_hidden_layers"));
  ASSIGN_OR_RETURN(c.head_count, JsonInt(json, "num_attention_heads"));
  ASSIGN_OR_RETURN(c.intermediate_size, JsonInt(json, "intermediate_size"));
  ASSIGN_OR_RETURN(c.context_length, IntOr(json, "max_position_embeddings", 2048));
  ASSIGN_OR_RETURN(c.rotary_fraction,
                   NumberOfAny(json, rope, {"rotary_pct", "partial_rotary_factor"}, 0.25));
  ASSIGN_OR_RETURN(c.rotary_base,
                   NumberOfAny(json, rope, {"rotary_emb_base", "rope_theta"}, 10000.0));
  ASSIGN_OR_RETURN(c.layer_norm_epsilon, NumberOfAny(json, rope, {"layer_norm_eps"}, 1e-5));
  ASSIGN_OR_RETURN(c.initializer_range, NumberOfAny(json, rope, {"initializer_range"}, 0.02));
  ASSIGN_OR_RETURN(c.parallel_residual, BoolOr(json, "use_parallel_residual", true));
  ASSIGN_OR_RETURN(c.tied_embeddings, BoolOr(json, "tie_word_embeddings", false));
  ASSIGN_OR_RETURN(c.bos_token_id, IntOr(json, "bos_token_id", 0));
  ASSIGN_OR_RETURN(c.eos_token_id, IntOr(json, "eos_token_id", 0));
  ASSIGN_OR_RETURN(c.weight_type, ReadWeightType(json));
  RETURN_IF_ERROR(c.Validate());
  return c;
}

std::string ModelConfig::ToJson() const {
  const std::string dtype(NameOf(weight_type));
  const Json json = {
      {"architectures", {"GPTNeoXForCausalLM"}},
      {"attention_bias", true},
      {"attention_dropout", 0.0},
      {"bos_token_id", bos_token_id},
      {"dtype", dtype},
      {"eos_token_id", eos_token_id},
      {"hidden_act", "gelu"},
      {"hidden_dropout", 0.0},
      {"hidden_size", hidden_size},
      {"initializer_range", initializer_range},
      {"intermediate_size", intermediate_size},
      {"layer_norm_eps", layer_norm_epsilon},
      {"max_position_embeddings", context_length},
      {"model_type", "gpt_neox"},
      {"num_attention_heads", head_count},
      {"num_hidden_layers", layer_count},
      {"rope_parameters",
       {{"partial_rotary_factor", rotary_fraction},
        {"rope_theta", rotary_base},
        {"rope_type", "default"}}},
      {"rotary_emb_base", rotary_base},
      {"rotary_pct", rotary_fraction},
      {"tie_word_embeddings", tied_embeddings},
      {"torch_dtype", dtype},
      {"use_parallel_residual", parallel_residual},
      {"vocab_size", vocab_size},
  };
  return json.dump(2) + "\n";
}

absl::Status ModelConfig::Validate() const {
  // Upper bounds keep every product of shapes far inside int64 and refuse absurd files early.
  RETURN_IF_ERROR(CheckRange("vocab_size", vocab_size, 2, 4'000'000));
  RETURN_IF_ERROR(CheckRange("hidden_size", hidden_size, 1, 65'536));
  RETURN_IF_ERROR(CheckRange("num_hidden_layers", layer_count, 1, 1024));
  RETURN_IF_ERROR(CheckRange("num_attention_heads", head_count, 1, 1024));
  RETURN_IF_ERROR(CheckRange("intermediate_size", intermediate_size, 1, 1'048'576));
  RETURN_IF_ERROR(CheckRange("max_position_embeddings", context_length, 2, 1'048'576));
  RETURN_IF_ERROR(CheckRange("bos_token_id", bos_token_id, 0, vocab_size - 1));
  RETURN_IF_ERROR(CheckRange("eos_token_id", eos_token_id, 0, vocab_size - 1));
  if (hidden_size % head_count != 0) {
    return Invalid("num_attention_heads", absl::StrCat(head_count),
                   absl::StrCat("a divisor of hidden_size, ", hidden_size));
  }
  if (!(rotary_fraction > 0.0 && rotary_fraction <= 1.0)) {
    return Invalid("rotary_pct", absl::StrCat(rotary_fraction), "in (0, 1]");
  }
  if (rotary_size() < 2 || rotary_size() % 2 != 0) {
    return Invalid("rotary_pct", absl::StrCat(rotary_fraction),
                   absl::StrCat("such that it rotates an even number (at least 2) of a head's ",
                                head_size(), " dimensions; it rotates ", rotary_size()));
  }
  if (!(rotary_base > 1.0 && std::isfinite(rotary_base))) {
    return Invalid("rotary_emb_base", absl::StrCat(rotary_base), "finite and above 1");
  }
  if (!(layer_norm_epsilon > 0.0 && layer_norm_epsilon < 1.0)) {
    return Invalid("layer_norm_eps", absl::StrCat(layer_norm_epsilon), "in (0, 1)");
  }
  if (!(initializer_range > 0.0 && initializer_range <= 1.0)) {
    return Invalid("initializer_range", absl::StrCat(initializer_range), "in (0, 1]");
  }
  return absl::OkStatus();
}

int64_t ModelConfig::rotary_size() const {
  return static_cast<int64_t>(static_cast<double>(head_size()) * rotary_fraction);
}

int64_t ModelConfig::ParameterCount() const {
  const int64_t embeddings = (tied_embeddings ? 1 : 2) * vocab_size * hidden_size;
  return embeddings + layer_count * BlockParameters(*this) + 2 * hidden_size;
}

int64_t ModelConfig::FrozenParameterCount(int64_t freeze_depth) const {
  if (freeze_depth <= 0) return 0;
  return vocab_size * hidden_size + freeze_depth * BlockParameters(*this);
}

bool IsComputedBuffer(absl::string_view tensor_name) {
  if (!absl::StartsWith(tensor_name, "gpt_neox.layers.")) return false;
  return absl::EndsWith(tensor_name, ".attention.bias") ||
         absl::EndsWith(tensor_name, ".attention.masked_bias") ||
         absl::EndsWith(tensor_name, ".attention.rotary_emb.inv_freq");
}

TrainingEstimate EstimateTraining(const ModelConfig& c, const TrainingShape& shape) {
  const int64_t all = c.ParameterCount();
  const int64_t trained = all - c.FrozenParameterCount(shape.freeze_depth);
  const int64_t master = shape.pure ? 2 : 4;
  const int64_t compute = shape.pure || shape.mixed ? 2 : 4;
  const int64_t tokens = shape.batch * shape.chunk_length;

  TrainingEstimate e;
  e.weight_bytes = all * master + (shape.mixed ? all * compute : 0);
  e.gradient_bytes = trained * master + (shape.mixed ? trained * compute : 0);
  e.optimizer_bytes = 2 * trained * master;
  // Kept per token and trained block: stream, two norms, q k v (as computed and rotated), attention
  // output (7–9 D), and the feed-forward part before and after GELU (2 intermediate sizes).
  const int64_t per_block = 10 * c.hidden_size + 2 * c.intermediate_size;
  const int64_t trained_blocks = c.layer_count - shape.freeze_depth;
  // Logits and their gradient exist in the compute type and, for the softmax, in float32.
  const int64_t logits = tokens * c.vocab_size * (compute + 8);
  e.activation_bytes = tokens * trained_blocks * per_block * compute + logits;
  e.memory_bytes = e.weight_bytes + e.gradient_bytes + e.optimizer_bytes + e.activation_bytes;
  e.training_state_bytes = 2 * (all * master + e.optimizer_bytes);

  // 2 operations a weight forward, 2 for the gradient of the input, 2 for that of the weight; the
  // embedding is a lookup; causal attention costs 2 · T/2 · D for scores and again for values.
  const double block_weights = static_cast<double>(BlockParameters(c));
  const double head_weights = static_cast<double>(c.vocab_size * c.hidden_size);
  const double attention = 2.0 * static_cast<double>(shape.chunk_length * c.hidden_size);
  const double forward =
      static_cast<double>(c.layer_count) * (2.0 * block_weights + attention) + 2.0 * head_weights;
  const double backward =
      static_cast<double>(trained_blocks) * (4.0 * block_weights + 2.0 * attention) +
      4.0 * head_weights;
  e.flops_per_token = forward + backward;
  return e;
}

ServingEstimate EstimateServing(const ModelConfig& c, WeightType type, int64_t batch,
                                int64_t tokens) {
  return {.weight_bytes = c.ParameterCount() * BytesOf(type),
          .cache_bytes = 2 * c.layer_count * batch * tokens * c.hidden_size * BytesOf(type)};
}

}  // namespace kalavai

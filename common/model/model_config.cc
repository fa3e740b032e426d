#include "common/model/model_config.h"

#include <cmath>

#include "absl/strings/str_cat.h"

#include "common/base/status_macros.h"
#include "common/model/config_json.h"

namespace kalavai {
namespace {

absl::Status CheckRange(const char* field, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return ConfigInvalid(field, absl::StrCat(value), absl::StrCat("in [", low, ", ", high, "]"));
}

absl::Status CheckHeads(const ModelConfig& c) {
  if (c.explicit_head_size == 0 && c.hidden_size % c.head_count != 0) {
    return ConfigInvalid("num_attention_heads", absl::StrCat(c.head_count),
                         absl::StrCat("a divisor of hidden_size, ", c.hidden_size));
  }
  if (c.explicit_head_size != 0) {
    RETURN_IF_ERROR(CheckRange("head_dim", c.explicit_head_size, 1, 4096));
  }
  if (c.kv_head_count != 0) {
    RETURN_IF_ERROR(CheckRange("num_key_value_heads", c.kv_head_count, 1, c.head_count));
    if (c.head_count % c.kv_head_count != 0) {
      return ConfigInvalid("num_key_value_heads", absl::StrCat(c.kv_head_count),
                           absl::StrCat("a divisor of num_attention_heads, ", c.head_count));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckRope(const ModelConfig& c) {
  if (!(c.rotary_fraction > 0.0 && c.rotary_fraction <= 1.0)) {
    return ConfigInvalid("rotary_pct", absl::StrCat(c.rotary_fraction), "in (0, 1]");
  }
  if (c.rotary_size() < 2 || c.rotary_size() % 2 != 0) {
    const bool neox = c.family == Family::kGptNeox;
    return ConfigInvalid(neox ? "rotary_pct" : "head_dim",
                         neox ? absl::StrCat(c.rotary_fraction) : absl::StrCat(c.head_size()),
                         absl::StrCat("such that it rotates an even number (at least 2) of a "
                                      "head's ",
                                      c.head_size(), " dimensions; it rotates ", c.rotary_size()));
  }
  if (!(c.rotary_base > 1.0 && std::isfinite(c.rotary_base))) {
    return ConfigInvalid("rope_theta", absl::StrCat(c.rotary_base), "finite and above 1");
  }
  const RopeScaling& scaling = c.rope_scaling;
  if (scaling.type == RopeType::kDefault) return absl::OkStatus();
  if (!(scaling.factor >= 1.0 && std::isfinite(scaling.factor))) {
    return ConfigInvalid("rope_scaling.factor", absl::StrCat(scaling.factor), "at least 1");
  }
  if (scaling.type == RopeType::kLinear) return absl::OkStatus();
  if (!(scaling.low_frequency_factor > 0.0)) {
    return ConfigInvalid("rope_scaling.low_freq_factor", absl::StrCat(scaling.low_frequency_factor),
                         "above 0");
  }
  if (!(scaling.high_frequency_factor > scaling.low_frequency_factor &&
        std::isfinite(scaling.high_frequency_factor))) {
    return ConfigInvalid("rope_scaling.high_freq_factor",
                         absl::StrCat(scaling.high_frequency_factor),
                         absl::StrCat("above low_freq_factor, ", scaling.low_frequency_factor));
  }
  return CheckRange("rope_scaling.original_max_position_embeddings",
                    scaling.original_context_length, 1, 1'048'576);
}

absl::Status CheckTokenIds(const ModelConfig& c) {
  if (c.bos_token_id.has_value()) {
    RETURN_IF_ERROR(CheckRange("bos_token_id", *c.bos_token_id, 0, c.vocab_size - 1));
  }
  for (const int64_t id : c.eos_token_ids) {
    RETURN_IF_ERROR(CheckRange("eos_token_id", id, 0, c.vocab_size - 1));
  }
  if (c.pad_token_id.has_value()) {  // -1: none, in old files
    RETURN_IF_ERROR(CheckRange("pad_token_id", *c.pad_token_id, -1, c.vocab_size - 1));
  }
  return absl::OkStatus();
}

// What a family cannot be; FromJson never makes it, code might.
absl::Status CheckForm(const ModelConfig& c) {
  if (c.family == Family::kGptNeox) {
    if (c.kv_heads() != c.head_count) {
      return ConfigInvalid("num_key_value_heads", absl::StrCat(c.kv_heads()),
                           absl::StrCat("equal to num_attention_heads, ", c.head_count));
    }
    if (c.head_size() * c.head_count != c.hidden_size) {
      return ConfigInvalid("head_dim", absl::StrCat(c.head_size()),
                           "hidden_size / num_attention_heads");
    }
    return absl::OkStatus();
  }
  if (c.parallel_residual) {
    return ConfigInvalid("use_parallel_residual", "true", "false for this family");
  }
  if (c.rotary_fraction != 1.0) {
    return ConfigInvalid("partial_rotary_factor", absl::StrCat(c.rotary_fraction),
                         "1 for this family");
  }
  return absl::OkStatus();
}

}  // namespace

int64_t BytesOf(WeightType type) { return type == WeightType::kFloat32 ? 4 : 2; }

absl::string_view NameOf(WeightType type) {
  return type == WeightType::kFloat32 ? "float32" : "bfloat16";
}

absl::string_view NameOf(Family family) {
  switch (family) {
    case Family::kGptNeox:
      return "gpt_neox";
    case Family::kLlama:
      return "llama";
    case Family::kQwen2:
      return "qwen2";
  }
  return "";
}

absl::StatusOr<Family> FamilyFromName(absl::string_view name) {
  for (const Family family : {Family::kGptNeox, Family::kLlama, Family::kQwen2}) {
    if (name == NameOf(family)) return family;
  }
  return ConfigUnsupported("model_type", absl::StrCat("'", name, "'"),
                           "'gpt_neox', 'llama' or 'qwen2'");
}

absl::string_view NameOf(RopeType type) {
  switch (type) {
    case RopeType::kDefault:
      return "default";
    case RopeType::kLinear:
      return "linear";
    case RopeType::kLlama3:
      return "llama3";
  }
  return "";
}

ModelConfig ModelConfig::Defaults(Family family) {
  ModelConfig c;
  c.family = family;
  c.context_length = family == Family::kQwen2 ? 32768 : 2048;
  if (family == Family::kGptNeox) {
    c.bos_token_id = 0;
    c.eos_token_ids = {2};
    return c;
  }
  c.rotary_fraction = 1.0;
  c.norm_epsilon = 1e-6;
  c.parallel_residual = false;
  c.query_key_value_bias = family == Family::kQwen2;
  c.attention_out_bias = false;
  c.feed_forward_bias = false;
  if (family == Family::kLlama) {
    c.bos_token_id = 1;
    c.eos_token_ids = {2};
  }
  return c;
}

absl::StatusOr<ModelConfig> ModelConfig::FromJson(absl::string_view text) {
  ASSIGN_OR_RETURN(ModelConfig config, ReadConfigJson(text));
  RETURN_IF_ERROR(config.Validate());
  return config;
}

std::string ModelConfig::ToJson() const { return WriteConfigJson(*this); }

absl::Status ModelConfig::Validate() const {
  // Upper bounds keep every product of shapes far inside int64 and refuse absurd files early.
  RETURN_IF_ERROR(CheckRange("vocab_size", vocab_size, 2, 4'000'000));
  RETURN_IF_ERROR(CheckRange("hidden_size", hidden_size, 1, 65'536));
  RETURN_IF_ERROR(CheckRange("num_hidden_layers", layer_count, 1, 1024));
  RETURN_IF_ERROR(CheckRange("num_attention_heads", head_count, 1, 1024));
  RETURN_IF_ERROR(CheckRange("intermediate_size", intermediate_size, 1, 1'048'576));
  RETURN_IF_ERROR(CheckRange("max_position_embeddings", context_length, 2, 1'048'576));
  RETURN_IF_ERROR(CheckTokenIds(*this));
  RETURN_IF_ERROR(CheckHeads(*this));
  RETURN_IF_ERROR(CheckForm(*this));
  RETURN_IF_ERROR(CheckRope(*this));
  if (!(norm_epsilon > 0.0 && norm_epsilon < 1.0)) {
    return ConfigInvalid(rms_norm() ? "rms_norm_eps" : "layer_norm_eps", absl::StrCat(norm_epsilon),
                         "in (0, 1)");
  }
  if (!(initializer_range > 0.0 && initializer_range <= 1.0)) {
    return ConfigInvalid("initializer_range", absl::StrCat(initializer_range), "in (0, 1]");
  }
  return absl::OkStatus();
}

int64_t ModelConfig::rotary_size() const {
  return static_cast<int64_t>(static_cast<double>(head_size()) * rotary_fraction);
}

int64_t ModelConfig::BlockParameterCount() const {
  const int64_t d = hidden_size;
  const int64_t fused = query_size() + 2 * key_value_size();
  const int64_t inner = (gated_feed_forward() ? 2 : 1) * intermediate_size;
  const int64_t norms = (rms_norm() ? 2 : 4) * d;
  const int64_t matrices = fused * d + d * query_size() + inner * d + d * intermediate_size;
  const int64_t biases = (query_key_value_bias ? fused : 0) + (attention_out_bias ? d : 0) +
                         (feed_forward_bias ? inner + d : 0);
  return norms + matrices + biases;
}

int64_t ModelConfig::ParameterCount() const {
  const int64_t embeddings = (tied_embeddings ? 1 : 2) * vocab_size * hidden_size;
  const int64_t final_norm = (rms_norm() ? 1 : 2) * hidden_size;
  return embeddings + layer_count * BlockParameterCount() + final_norm;
}

int64_t ModelConfig::FrozenParameterCount(int64_t freeze_depth) const {
  if (freeze_depth <= 0) return 0;
  return vocab_size * hidden_size + freeze_depth * BlockParameterCount();
}

}  // namespace kalavai

// config.json of a Hugging Face directory <-> ModelConfig; behind ModelConfig::FromJson and ToJson.
//
// Read: what transformers 4 writes (torch_dtype, rope_theta and rope_scaling, rotary_pct and
// rotary_emb_base) and what version 5 writes (dtype, rope_parameters), for GPTNeoXForCausalLM,
// LlamaForCausalLM and Qwen2ForCausalLM. A fact given under two names must be the same under both.
// Fields that change the arithmetic are all checked; fields that do not (use_cache,
// transformers_version, …) are ignored. A field left out has transformers' default, but the five
// that fix the shape (vocab_size, hidden_size, num_hidden_layers, num_attention_heads,
// intermediate_size) must be there.
//
// Written: one file that both versions read, fields sorted.
//
// Errors: as common/model/model_config.h. Each names the field, what was found and what may be.
// Pure functions.
#ifndef KALAVAI_COMMON_MODEL_CONFIG_JSON_H_
#define KALAVAI_COMMON_MODEL_CONFIG_JSON_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/model/model_config.h"

namespace kalavai {

// Does not Validate() the numbers.
absl::StatusOr<ModelConfig> ReadConfigJson(absl::string_view text);
std::string WriteConfigJson(const ModelConfig& config);

// The errors of a field, shared with ModelConfig::Validate.
absl::Status ConfigInvalid(absl::string_view field, absl::string_view found,
                           absl::string_view rule);
absl::Status ConfigUnsupported(absl::string_view field, absl::string_view found,
                               absl::string_view supported);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_CONFIG_JSON_H_

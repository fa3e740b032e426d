// The numbers of a model and the form of its blocks: what config.json of a Hugging Face directory
// says. Three families, one decoder; they differ by the data of this struct:
//
//                      gpt_neox (Pythia)        llama             qwen2
//   norm               layer norm with bias     RMS norm          RMS norm
//   residual           parallel or sequential   sequential        sequential
//   feed-forward       GELU                     SwiGLU            SwiGLU
//   q, k, v            interleaved per head     blocked, GQA      blocked, GQA
//   biases             everywhere               none (optional)   q, k, v
//   rotary embedding   a part of each head      the whole head    the whole head
//
//   ASSIGN_OR_RETURN(const ModelConfig config, ModelConfig::FromJson(config_json_text));
//
// FromJson and ToJson: the forms they read and write are common/model/config_json.h's. No LibTorch
// here: any file may include this header.
//
// Errors: INVALID_ARGUMENT with reason JSON_INVALID (not JSON, or a field of the wrong type),
// MODEL_CONFIG_INVALID (a number out of range, or numbers that contradict each other),
// MODEL_UNSUPPORTED (UNIMPLEMENTED: another architecture, or a variant we do not compute).
// Thread-safe: plain values and pure functions.
#ifndef KALAVAI_COMMON_MODEL_MODEL_CONFIG_H_
#define KALAVAI_COMMON_MODEL_MODEL_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kalavai {

// How weights are stored in memory and in files.
enum class WeightType { kFloat32, kBfloat16 };
int64_t BytesOf(WeightType type);           // 4 or 2
absl::string_view NameOf(WeightType type);  // "float32", "bfloat16": config.json's `dtype`

enum class Family { kGptNeox, kLlama, kQwen2 };
absl::string_view NameOf(
    Family family);  // "gpt_neox", "llama", "qwen2": config.json's `model_type`
// The reverse; MODEL_UNSUPPORTED for another name.
absl::StatusOr<Family> FamilyFromName(absl::string_view name);

// How the rotary embedding's frequencies are changed for contexts longer than those of training.
enum class RopeType { kDefault, kLinear, kLlama3 };
absl::string_view NameOf(RopeType type);  // "default", "linear", "llama3"
struct RopeScaling {
  RopeType type = RopeType::kDefault;
  double factor = 1.0;                // linear, llama3: divides (low) frequencies
  double low_frequency_factor = 1.0;  // llama3 only, as the next two
  double high_frequency_factor = 4.0;
  int64_t original_context_length = 0;  // tokens the frequencies were trained for

  friend bool operator==(const RopeScaling&, const RopeScaling&) = default;
};

struct ModelConfig {
  Family family = Family::kGptNeox;
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;         // D
  int64_t layer_count = 0;         // blocks
  int64_t head_count = 0;          // H, query heads
  int64_t kv_head_count = 0;       // 0: one a query head; read kv_heads()
  int64_t explicit_head_size = 0;  // config.json's head_dim; 0: D / H; read head_size()
  int64_t intermediate_size = 0;   // inner width of the feed-forward part
  int64_t context_length = 0;      // max_position_embeddings, in tokens
  double rotary_fraction = 0.25;   // share of each head's dimensions that is rotated
  double rotary_base = 10000.0;
  RopeScaling rope_scaling = {};
  double norm_epsilon = 1e-5;
  double initializer_range = 0.02;  // standard deviation of InitializeTransformer
  bool parallel_residual = true;    // x + attention(n1(x)) + mlp(n2(x)); else one after the other
  bool query_key_value_bias = true;
  bool attention_out_bias = true;
  bool feed_forward_bias = true;
  bool tied_embeddings = false;  // the output matrix is the input embedding
  // Carried through, not used by the arithmetic. Generation ends at any of `eos_token_ids`.
  std::optional<int64_t> bos_token_id = {};
  std::vector<int64_t> eos_token_ids = {};
  std::optional<int64_t> pad_token_id = {};
  WeightType weight_type = WeightType::kFloat32;  // `dtype` of the file this came from

  // What transformers takes for fields that config.json leaves out; the shape is still 0.
  static ModelConfig Defaults(Family family);
  // Reads and validates config.json.
  static absl::StatusOr<ModelConfig> FromJson(absl::string_view text);
  // Writes config.json: readable by transformers 4 and 5, fields sorted, byte-identical for equal
  // configs.
  std::string ToJson() const;
  // MODEL_CONFIG_INVALID unless the numbers are in range and fit each other and the family.
  absl::Status Validate() const;

  int64_t head_size() const {  // S
    return explicit_head_size > 0 ? explicit_head_size : hidden_size / head_count;
  }
  int64_t kv_heads() const { return kv_head_count > 0 ? kv_head_count : head_count; }
  int64_t query_size() const { return head_count * head_size(); }  // H · S; often, not always, D
  int64_t key_value_size() const { return kv_heads() * head_size(); }
  // Rotated dimensions of a head: int(head_size · rotary_fraction), as transformers rounds.
  int64_t rotary_size() const;

  // The form of the blocks, fixed by the family.
  bool rms_norm() const { return family != Family::kGptNeox; }            // else layer norm
  bool gated_feed_forward() const { return family != Family::kGptNeox; }  // SwiGLU; else GELU
  // Rows of the fused projection: H × (query, key, value) × S; else all queries, keys, values.
  bool interleaved_heads() const { return family == Family::kGptNeox; }

  // Weights and biases of one block.
  int64_t BlockParameterCount() const;
  // Weights and biases of all tensors; tied embeddings count once.
  int64_t ParameterCount() const;
  // Those of the input embedding and the first `freeze_depth` blocks; 0 for freeze_depth 0.
  int64_t FrozenParameterCount(int64_t freeze_depth) const;

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_MODEL_CONFIG_H_

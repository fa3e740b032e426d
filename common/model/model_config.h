// The numbers of a GPT-NeoX model (the Pythia family), and what they cost.
//
//   ASSIGN_OR_RETURN(const ModelConfig config, ModelConfig::FromJson(config_json_text));
//   const TrainingEstimate cost = EstimateTraining(config, {.batch = 16, .chunk_length = 256});
//
// The file is the config.json that Hugging Face transformers writes for GPTNeoXForCausalLM, in the
// forms of version 4 (rotary_pct, rotary_emb_base, torch_dtype) and version 5 (rope_parameters,
// dtype). Fields that change the arithmetic are all checked; fields that do not (use_cache,
// transformers_version, …) are ignored. No LibTorch here: any file may include this header.
//
// Errors: INVALID_ARGUMENT with reason JSON_INVALID (not JSON, or a field of the wrong type),
// MODEL_CONFIG_INVALID (a number out of range, or numbers that contradict each other),
// MODEL_UNSUPPORTED (UNIMPLEMENTED: another architecture, or a variant we do not compute).
// Thread-safe: plain values and pure functions.
#ifndef KALAVAI_COMMON_MODEL_MODEL_CONFIG_H_
#define KALAVAI_COMMON_MODEL_MODEL_CONFIG_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kalavai {

// How weights are stored in memory and in files.
enum class WeightType { kFloat32, kBfloat16 };
int64_t BytesOf(WeightType type);           // 4 or 2
absl::string_view NameOf(WeightType type);  // "float32", "bfloat16": config.json's `dtype`

struct ModelConfig {
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;        // D
  int64_t layer_count = 0;        // blocks
  int64_t head_count = 0;         // H; head_size() = D / H
  int64_t intermediate_size = 0;  // inner width of the feed-forward part, usually 4 D
  int64_t context_length = 0;     // max_position_embeddings, in tokens
  double rotary_fraction = 0.25;  // share of each head's dimensions that is rotated
  double rotary_base = 10000.0;
  double layer_norm_epsilon = 1e-5;
  double initializer_range = 0.02;  // standard deviation of InitializeTransformer
  bool parallel_residual = true;    // x + attention(n1(x)) + mlp(n2(x)); else one after the other
  bool tied_embeddings = false;     // embed_out is embed_in
  int64_t bos_token_id = 0;         // carried through, not used by the arithmetic
  int64_t eos_token_id = 0;
  WeightType weight_type = WeightType::kFloat32;  // `dtype` of the file this came from

  // Reads and validates config.json.
  static absl::StatusOr<ModelConfig> FromJson(absl::string_view text);
  // Writes config.json: readable by transformers 4 and 5, fields sorted, byte-identical for equal
  // configs.
  std::string ToJson() const;
  // MODEL_CONFIG_INVALID unless the numbers are in range and fit each other.
  absl::Status Validate() const;

  int64_t head_size() const { return hidden_size / head_count; }
  // Rotated dimensions of a head: int(head_size · rotary_fraction), as transformers rounds.
  int64_t rotary_size() const;
  // Weights and biases of all tensors; tied embeddings count once.
  int64_t ParameterCount() const;
  // Those of embed_in and the first `freeze_depth` blocks; 0 for freeze_depth 0.
  int64_t FrozenParameterCount(int64_t freeze_depth) const;

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

// Buffers that older versions of transformers wrote among the weights (attention masks, rotary
// frequencies): computed, not learned. They are skipped, and a specialist may leave them out.
bool IsComputedBuffer(absl::string_view tensor_name);

// What one training step works on. `mixed` = float32 master weights with a bfloat16 copy to compute
// with; `pure` = bfloat16 weights and states only; neither = float32.
struct TrainingShape {
  int64_t batch = 8;           // chunks held at once (a micro-batch, not the accumulated batch)
  int64_t chunk_length = 256;  // T, tokens
  int64_t freeze_depth = 0;
  bool mixed = false;
  bool pure = false;
};

// Bytes, estimated from shapes: exact for weights, gradients and optimizer, within about 30 % for
// activations (allocator and scratch space of the kernels not counted).
struct TrainingEstimate {
  int64_t weight_bytes = 0;
  int64_t gradient_bytes = 0;
  int64_t optimizer_bytes = 0;       // AdamW's m and v
  int64_t activation_bytes = 0;      // kept between forward and backward
  int64_t memory_bytes = 0;          // the sum
  int64_t training_state_bytes = 0;  // on disk: weights, m, v; twice, as replacement is atomic
  double flops_per_token = 0;        // forward and backward
};
TrainingEstimate EstimateTraining(const ModelConfig& config, const TrainingShape& shape);

// Memory to serve one model: weights and a cache of `tokens` positions for `batch` sequences.
struct ServingEstimate {
  int64_t weight_bytes = 0;
  int64_t cache_bytes = 0;
};
ServingEstimate EstimateServing(const ModelConfig& config, WeightType type, int64_t batch,
                                int64_t tokens);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_MODEL_CONFIG_H_

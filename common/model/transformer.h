// GPT-NeoX (Pythia) as plain structs of tensors and free functions, blocks in reading order.
//
//   ASSIGN_OR_RETURN(const Transformer model, LoadTransformer(dir, {}));
//   c10::InferenceMode inference;                       // or at::NoGradGuard; training uses
//   neither ASSIGN_OR_RETURN(const ForwardResult result, Forward(model, tokens_BT, nullptr, {}));
//
// One generation: KvCache cache = NewKvCache(…); Forward(prompt_BT, &cache), then Forward of one
// token at a time with the same cache. Rows of a batch advance together.
//
// A model split at a frozen trunk of K blocks gives the same bits as the whole one:
//   ForwardFromTrunk(model, ForwardTrunk(model, tokens_BT, K, …), K, …) == Forward(model,
//   tokens_BT)
// so experts that share a trunk compute it once. A split model has one cache for the trunk's layers
// and one for each expert's (LayerRange).
//
// The arithmetic is that of transformers' modeling_gpt_neox: rotary embedding on the first
// rotary_size() dimensions of each head (half-split rotation), exact (erf) GELU, causal softmax
// attention. It runs in the type of the weights, float32 or bfloat16 (CastTo); logits come out in
// that type, log-probabilities always in float32.
//
// All tensors of a model are on one device. Tokens are taken from any device; what comes out is on
// the model's.
//
// Shapes are in names: B batch, T position, D model width, H heads, S head width, V vocabulary.
// Ownership: tensors are reference-counted handles; copying a Transformer shares its weights.
// Threads: one Forward at a time for a KvCache; a Transformer may be read by several threads.
// Errors: INVALID_ARGUMENT TOKEN_OUT_OF_RANGE (an id not in [0, V)), CONTEXT_EXCEEDED (more tokens
// than context_length or than the cache holds), SHAPE_MISMATCH (a tensor that does not fit);
// RESOURCE_EXHAUSTED OUT_OF_MEMORY and INTERNAL TORCH_FAILED (common/model/torch.h).
#ifndef KALAVAI_COMMON_MODEL_TRANSFORMER_H_
#define KALAVAI_COMMON_MODEL_TRANSFORMER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/model/device.h"
#include "common/model/model_config.h"
#include "common/model/torch.h"

namespace kalavai {

at::ScalarType ScalarTypeOf(WeightType type);
at::Device TorchDevice(Device device);

// Weights by their Hugging Face name, e.g. "gpt_neox.layers.0.attention.dense.weight".
using NamedTensors = std::map<std::string, at::Tensor>;

struct NormWeights {
  at::Tensor weight_D, bias_D;
};
struct LinearWeights {
  at::Tensor weight_OI, bias_O;  // O outputs, I inputs: y = x Wᵀ + b
};
struct BlockWeights {
  NormWeights attention_norm;      // input_layernorm
  LinearWeights query_key_value;   // O = 3D, ordered head by head: H × (query, key, value) × S
  LinearWeights attention_out;     // attention.dense
  NormWeights feed_forward_norm;   // post_attention_layernorm
  LinearWeights feed_forward_in;   // mlp.dense_h_to_4h
  LinearWeights feed_forward_out;  // mlp.dense_4h_to_h
};

struct Transformer {
  ModelConfig config;
  NamedTensors parameters;  // owns; sorted by name; a tied embed_out is absent

  // The same tensors in reading order (handles into `parameters`; see BindParameters).
  at::Tensor embed_in_VD;
  std::vector<BlockWeights> blocks;
  NormWeights final_norm;
  at::Tensor embed_out_VD;
  at::Tensor rotary_cos_TR, rotary_sin_TR;  // float32; 2R rotated dimensions; T: context_length

  // A copy that computes in `type`. Gradients flow through the cast to the original's weights, so a
  // training step casts once and accumulates in float32. Same type: shares the tensors.
  absl::StatusOr<Transformer> CastTo(WeightType type) const;
  // A copy with its own storage, without gradients.
  absl::StatusOr<Transformer> Clone() const;
  // A copy whose weights are on `device` (from OpenDevice). Same device: shares the tensors.
  absl::StatusOr<Transformer> MoveTo(Device device) const;
  WeightType weight_type() const;
  at::Device device() const;
};

// The names and shapes a model of this config has, sorted by name: the explicit name table.
std::map<std::string, std::vector<int64_t>> ParameterShapes(const ModelConfig& config);

// Fills the reading-order handles from `parameters`. Every name of ParameterShapes must be there
// with its shape and nothing else: SHAPE_MISMATCH otherwise.
absl::StatusOr<Transformer> BindParameters(const ModelConfig& config, NamedTensors parameters);

// Blocks [first, last) whose keys and values a cache holds.
struct LayerRange {
  int64_t first = 0;
  int64_t last = -1;  // -1: layer_count
};

// Keys and values of the tokens read so far, preallocated for `capacity` positions.
struct KvCache {
  std::vector<at::Tensor> keys_BHTS;  // one per block of the range; T = capacity
  std::vector<at::Tensor> values_BHTS;
  int64_t first_layer = 0;
  int64_t length = 0;  // positions filled
  int64_t capacity = 0;
  int64_t batch = 0;

  // Forgets all positions from `new_length` on (≤ length).
  void Truncate(int64_t new_length);
};
// Capacity 0 means context_length. Type and device are those of the weights that will use it.
absl::StatusOr<KvCache> NewKvCache(const ModelConfig& config, WeightType type, int64_t batch,
                                   int64_t capacity = 0, LayerRange layers = {},
                                   at::Device device = at::kCPU);

enum class LogitsWanted { kNone, kAll, kLast };  // kLast: T = 1, the last position only

struct ForwardOptions {
  LogitsWanted logits = LogitsWanted::kAll;
  int64_t trunk_depth = -1;  // ≥ 0: also return the stream after that many blocks
};

struct ForwardResult {
  at::Tensor logits_BTV;  // undefined for kNone
  at::Tensor hidden_BTD;  // after the final layer norm
  at::Tensor trunk_BTD;   // after trunk_depth blocks; undefined unless asked for
};

// Reads tokens_BT (int64 or int32) after what `cache` holds; null: from position 0. A cache must
// cover all blocks. Records a graph for backward() unless gradients are disabled by the caller; a
// cache may be used only with gradients disabled.
absl::StatusOr<ForwardResult> Forward(const Transformer& model, const at::Tensor& tokens_BT,
                                      KvCache* cache, const ForwardOptions& options);

// Embedding and the first `depth` blocks; the cache, if any, covers [0, depth).
absl::StatusOr<at::Tensor> ForwardTrunk(const Transformer& model, const at::Tensor& tokens_BT,
                                        int64_t depth, KvCache* cache);

// Blocks from `depth` on, final norm, logits; the cache, if any, covers [depth, layer_count).
absl::StatusOr<ForwardResult> ForwardFromTrunk(const Transformer& model,
                                               const at::Tensor& trunk_BTD, int64_t depth,
                                               KvCache* cache, const ForwardOptions& options);

// log p(targets_BT[b][t] | hidden_BTD[b][t]) in float32, shape [B, T], computed in blocks of
// positions so that at most a few MB of logits exist at a time. For inference: no graph.
absl::StatusOr<at::Tensor> LogProbsOfTargets(const Transformer& model, const at::Tensor& hidden_BTD,
                                             const at::Tensor& targets_BT);

// float32 log-probabilities over the vocabulary, shape of hidden with D replaced by V.
absl::StatusOr<at::Tensor> LogProbsOfVocabulary(const Transformer& model, const at::Tensor& hidden);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_TRANSFORMER_H_

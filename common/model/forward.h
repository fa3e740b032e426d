// The decoder: tokens in, hidden states and logits out.
//
//   c10::InferenceMode inference;  // or at::NoGradGuard; training uses neither
//   ASSIGN_OR_RETURN(const ForwardResult result, Forward(model, tokens_BT, nullptr, {}));
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
// The arithmetic is that of transformers' modeling_gpt_neox, modeling_llama and modeling_qwen2
// (common/model/decoder_block.h). It runs in the type of the weights, float32 or bfloat16 (CastTo);
// logits come out in that type, log-probabilities always in float32.
//
// Tokens are taken from any device; what comes out is on the model's. Shapes: B batch, T position,
// D model width, V vocabulary. Threads: one Forward at a time for a KvCache; a Transformer may be
// read by several threads.
// Errors: INVALID_ARGUMENT TOKEN_OUT_OF_RANGE (an id not in [0, V)), CONTEXT_EXCEEDED (more tokens
// than context_length or than the cache holds), SHAPE_MISMATCH (a tensor that does not fit);
// RESOURCE_EXHAUSTED OUT_OF_MEMORY and INTERNAL TORCH_FAILED (common/model/torch.h).
#ifndef KALAVAI_COMMON_MODEL_FORWARD_H_
#define KALAVAI_COMMON_MODEL_FORWARD_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/model/kv_cache.h"
#include "common/model/transformer.h"

namespace kalavai {

enum class LogitsWanted { kNone, kAll, kLast };  // kLast: T = 1, the last position only

struct ForwardOptions {
  LogitsWanted logits = LogitsWanted::kAll;
  int64_t trunk_depth = -1;  // ≥ 0: also return the stream after that many blocks
};

struct ForwardResult {
  at::Tensor logits_BTV;  // undefined for kNone
  at::Tensor hidden_BTD;  // after the final norm
  at::Tensor trunk_BTD;   // after trunk_depth blocks; undefined unless asked for
};

// SHAPE_MISMATCH unless tokens_BT is a non-empty matrix, TOKEN_OUT_OF_RANGE unless all its ids are
// in [0, V).
absl::Status CheckTokens(const ModelConfig& config, const at::Tensor& tokens_BT);

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

#endif  // KALAVAI_COMMON_MODEL_FORWARD_H_

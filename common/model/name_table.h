// The names of a model's tensors in Hugging Face's files, family by family, with their shapes: the
// explicit name table. Nothing is guessed from a file.
//
//   gpt_neox   gpt_neox.embed_in, gpt_neox.layers.N.{input_layernorm, attention.query_key_value,
//              attention.dense, post_attention_layernorm, mlp.dense_h_to_4h, mlp.dense_4h_to_h},
//              gpt_neox.final_layer_norm, embed_out
//   llama,     model.embed_tokens, model.layers.N.{input_layernorm, self_attn.{q,k,v,o}_proj,
//   qwen2      post_attention_layernorm, mlp.{gate,up,down}_proj}, model.norm, lm_head
//
// No LibTorch. Pure functions.
#ifndef KALAVAI_COMMON_MODEL_NAME_TABLE_H_
#define KALAVAI_COMMON_MODEL_NAME_TABLE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "common/model/model_config.h"

namespace kalavai {

// Full tensor names.
std::string EmbedInName(Family family);
std::string EmbedOutName(Family family);
// Without ".weight" and ".bias".
std::string FinalNormName(Family family);

// One block in reading order, without ".weight" and ".bias". Where several names stand, the decoder
// computes with their rows one below the other, in this order.
struct BlockNames {
  std::string attention_norm;
  std::vector<std::string> query_key_value;  // one fused tensor, or query, key, value
  std::string attention_out;
  std::string feed_forward_norm;
  std::vector<std::string> feed_forward_in;  // one, or gate and up
  std::string feed_forward_out;
};
BlockNames BlockNamesOf(Family family, int64_t layer);

// The names and shapes a model of this config has, sorted by name. A tied output matrix is absent.
std::map<std::string, std::vector<int64_t>> ParameterShapes(const ModelConfig& config);

// Whether a specialist must keep this tensor's bits: the input embedding (and with it a tied output
// matrix) and blocks 0 … freeze_depth − 1. Depth 0 freezes nothing, the embedding included.
bool IsFrozenName(absl::string_view tensor_name, int64_t freeze_depth);
// All such names of a config, sorted.
std::vector<std::string> FrozenNames(const ModelConfig& config, int64_t freeze_depth);

// Buffers that older versions of transformers wrote among the weights (attention masks, rotary
// frequencies): computed, not learned. They are skipped, and a specialist may leave them out.
bool IsComputedBuffer(absl::string_view tensor_name);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_NAME_TABLE_H_

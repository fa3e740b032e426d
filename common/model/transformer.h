// A decoder-only language model as plain structs of tensors: GPT-NeoX (Pythia), Llama or Qwen2.
// common/model/forward.h runs it.
//
//   ASSIGN_OR_RETURN(const Transformer model, LoadTransformer(dir, {}));  // common/model/weights.h
//
// `parameters` holds the tensors under their Hugging Face names; the other members are the same
// tensors in reading order. Where a family keeps query, key and value (or gate and up) apart, the
// block computes with them as one fused matrix, and the named tensors are views of its rows: no
// weight is held twice, and what changes under one name changes under the other.
//
// All tensors of a model are on one device. Shapes are in names: T position, D model width, V
// vocabulary, O outputs, I inputs.
// Ownership: tensors are reference-counted handles; copying a Transformer shares its weights.
// Threads: may be read by several threads.
// Errors: INVALID_ARGUMENT SHAPE_MISMATCH (a tensor that does not fit); RESOURCE_EXHAUSTED
// OUT_OF_MEMORY and INTERNAL TORCH_FAILED (common/model/torch.h).
#ifndef KALAVAI_COMMON_MODEL_TRANSFORMER_H_
#define KALAVAI_COMMON_MODEL_TRANSFORMER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/model/device.h"
#include "common/model/model_config.h"
#include "common/model/name_table.h"  // IWYU pragma: export
#include "common/model/rotary_table.h"
#include "common/model/torch.h"

namespace kalavai {

at::ScalarType ScalarTypeOf(WeightType type);
at::Device TorchDevice(Device device);

// Weights by their Hugging Face name, e.g. "gpt_neox.layers.0.attention.dense.weight".
using NamedTensors = std::map<std::string, at::Tensor>;

struct NormWeights {
  at::Tensor weight_D, bias_D;  // RMS norm: no bias (undefined)
};
struct LinearWeights {
  at::Tensor weight_OI, bias_O;  // y = x Wᵀ + b; without a bias it is undefined
};
struct BlockWeights {
  NormWeights attention_norm;
  LinearWeights query_key_value;  // O = (H + 2G)·S; rows as HeadLayoutOf(config) says
  LinearWeights attention_out;    // D × H·S
  NormWeights feed_forward_norm;
  LinearWeights feed_forward_in;   // gated: O = 2 · intermediate_size, gate above up
  LinearWeights feed_forward_out;  // D × intermediate_size
};

struct Transformer {
  ModelConfig config;
  NamedTensors parameters;  // owns; sorted by name; a tied output matrix is absent

  // The same tensors in reading order (see BindParameters).
  at::Tensor embed_in_VD;
  std::vector<BlockWeights> blocks;
  NormWeights final_norm;
  at::Tensor embed_out_VD;
  RotaryTable rotary;  // context_length rows
  // What the blocks' matrix products are done in: the weights' type, but bfloat16 over float32
  // weights in mixed-precision training (the stream and the norms then stay float32).
  at::ScalarType product_type = at::kFloat;

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

// Fills the reading-order members from `parameters`. Every name of ParameterShapes must be there
// with its shape and nothing else: SHAPE_MISMATCH otherwise.
//
// Tensors that a block fuses are used in place when they already are neighbouring rows of one
// tensor (as after an earlier BindParameters), else copied into one; then `parameters` of the
// result are views of that one. Where one of them requires a gradient, the fused tensor is computed
// from them in the graph, and `parameters` are left as they were: bind again after each change.
// `rotary`, when defined, is taken instead of being computed anew; it must be of this config.
absl::StatusOr<Transformer> BindParameters(const ModelConfig& config, NamedTensors parameters,
                                           const RotaryTable& rotary = {});

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_TRANSFORMER_H_

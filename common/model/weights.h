// Checkpoint directories (config.json + safetensors) <-> Transformer.
//
//   ASSIGN_OR_RETURN(const Transformer base, LoadTransformer(dir, {.type =
//   WeightType::kBfloat16})); RETURN_IF_ERROR(SaveTransformer(base, out_dir,
//   WeightType::kFloat32));
//
// The names are those of ParameterShapes (transformers' GPTNeoXForCausalLM). A file may also hold
// the buffers older versions wrote (attention.bias, attention.masked_bias, rotary_emb.inv_freq);
// they are skipped, every other surplus name is refused.
//
// Errors: those of ModelConfig::FromJson and of common/safetensors; INVALID_ARGUMENT with reason
// WEIGHTS_INVALID (a tensor missing, surplus, of another shape or type: named) or
// WEIGHTS_NOT_FINITE (NaN or infinity in a named tensor); OUT_OF_MEMORY, TORCH_FAILED.
// Threads: pure functions of files; safe to call from several threads on different directories.
#ifndef KALAVAI_COMMON_MODEL_WEIGHTS_H_
#define KALAVAI_COMMON_MODEL_WEIGHTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/model/device.h"
#include "common/model/initialization.h"  // IWYU pragma: export
#include "common/model/transformer.h"

namespace kalavai {

struct LoadOptions {
  std::optional<WeightType> type = {};  // in memory; nullopt: as stored (float16 becomes float32)
  Device device = Device::kCpu;         // from OpenDevice; moved there once
};

absl::StatusOr<Transformer> LoadTransformer(const std::string& dir, const LoadOptions& options);

// Writes dir/config.json and dir/model.safetensors (canonical: equal weights give equal bytes).
// `dir` must exist; tokenizer.json is the caller's. Non-finite weights are refused.
absl::Status SaveTransformer(const Transformer& model, const std::string& dir, WeightType type);

// The tensors a specialist must not change at this freeze depth: none at 0; at K ≥ 1 embed_in (and
// with it a tied embed_out) and the first K blocks. Sorted.
std::vector<std::string> FrozenNames(const ModelConfig& config, int64_t freeze_depth);

// The unweighted mean of the models' weights, in float32: a baseline of every fusion report. All
// must have the same config; at least one. WEIGHTS_INVALID otherwise.
absl::StatusOr<Transformer> WeightAverage(const std::vector<std::string>& dirs);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_WEIGHTS_H_

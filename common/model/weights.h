// Checkpoint directories (config.json + safetensors) <-> Transformer.
//
//   ASSIGN_OR_RETURN(const Transformer base, LoadTransformer(dir, {.type =
//   WeightType::kBfloat16})); RETURN_IF_ERROR(SaveTransformer(base, out_dir,
//   WeightType::kFloat32));
//
// The names are those of common/model/name_table.h (transformers' …ForCausalLM classes). A file may
// also hold the buffers older versions wrote (IsComputedBuffer), which are skipped, and the output
// matrix of a model that ties it to the embedding, which must equal it; every other surplus name is
// refused. Names, shapes and types are checked before memory of their size is asked for.
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
#include "common/safetensors/shard_writer.h"

namespace kalavai {

struct LoadOptions {
  std::optional<WeightType> type = {};  // in memory; nullopt: as stored (float16 becomes float32)
  Device device = Device::kCpu;         // from OpenDevice; moved there once
};

absl::StatusOr<Transformer> LoadTransformer(const std::string& dir, const LoadOptions& options);

// Writes dir/config.json and dir/model.safetensors, or shards and their index when the weights are
// larger than `shard_bytes` (canonical: equal weights give equal bytes). `dir` must exist;
// tokenizer.json is the caller's. Non-finite weights are refused before anything is written.
absl::Status SaveTransformer(const Transformer& model, const std::string& dir, WeightType type,
                             int64_t shard_bytes = kDefaultShardBytes);

// The unweighted mean of the models' weights, in float32: a baseline of every fusion report. All
// must have the same config; at least one. WEIGHTS_INVALID otherwise.
absl::StatusOr<Transformer> WeightAverage(const std::vector<std::string>& dirs);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_WEIGHTS_H_

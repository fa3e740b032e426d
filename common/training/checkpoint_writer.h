// A trained model as a directory that every tool can load: config.json, model.safetensors,
// tokenizer.json; written beside its place and moved there as a whole.
#ifndef KALAVAI_COMMON_TRAINING_CHECKPOINT_WRITER_H_
#define KALAVAI_COMMON_TRAINING_CHECKPOINT_WRITER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/model/transformer.h"

namespace kalavai {

// Replaces `directory`: a reader sees the old one, for a moment none, then the new one, never a
// mixture. Weights are stored as `type`; tokenizer.json is copied from `tokenizer_path`. Errors:
// those of SaveTransformer (WEIGHTS_NOT_FINITE); FILE_NOT_FOUND, IO_ERROR, DISK_FULL.
absl::Status WriteCheckpoint(const Transformer& model, const std::string& tokenizer_path,
                             const std::string& directory, WeightType type);

// Hex SHA-256 over the names and digests of config.json, tokenizer.json and every *.safetensors of
// a directory: changes when anything a training run starts from does. Not the checkpoint's root
// digest, which covers every file.
absl::StatusOr<std::string> WeightsDigest(const std::string& directory);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TRAINING_CHECKPOINT_WRITER_H_

// A model directory before its weights are read: config.json and tokenizer.json, and whether they
// fit each other.
//
//   ASSIGN_OR_RETURN(const ModelDirectory directory, OpenModelDirectory(path));
//   … check lengths against directory.config.context_length …
//   ASSIGN_OR_RETURN(const Transformer model, LoadTransformer(path, {}));
//
// Of the weights only the headers are read: what is wrong with a checkpoint is known before memory
// of its size is asked for. No LibTorch. Pure functions of files.
#ifndef KALAVAI_COMMON_MODEL_MODEL_DIRECTORY_H_
#define KALAVAI_COMMON_MODEL_MODEL_DIRECTORY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/model/model_config.h"
#include "common/tokenizer/tokenizer.h"

namespace kalavai {

struct ModelDirectory {
  ModelConfig config = {};
  std::unique_ptr<Tokenizer> tokenizer = nullptr;
};

// Errors: those of CheckpointDirectory::Open, ModelConfig::FromJson, Tokenizer::Load and
// CheckVocabulary; FILE_NOT_FOUND when there is no tokenizer.json.
absl::StatusOr<ModelDirectory> OpenModelDirectory(const std::string& path);

// INVALID_ARGUMENT TOKENIZER_MISMATCH (metadata `file`, `actual`, `max`) unless every token of the
// tokenizer has a row of the embedding. More rows than tokens are usual (padding). `file` is
// where the tokenizer came from. Called wherever a model meets a tokenizer.
absl::Status CheckVocabulary(absl::string_view file, const Tokenizer& tokenizer,
                             const ModelConfig& config);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_MODEL_DIRECTORY_H_

#include "common/model/model_directory.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/safetensors/checkpoint_directory.h"

namespace kalavai {

absl::StatusOr<ModelDirectory> OpenModelDirectory(const std::string& path) {
  ASSIGN_OR_RETURN(const CheckpointDirectory checkpoint, CheckpointDirectory::Open(path, {}));
  absl::StatusOr<ModelConfig> config = ModelConfig::FromJson(checkpoint.config_json());
  if (!config.ok()) return Annotate(config.status(), absl::StrCat(path, "/config.json"));
  const std::string file = absl::StrCat(path, "/tokenizer.json");
  ASSIGN_OR_RETURN(std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(file));
  RETURN_IF_ERROR(CheckVocabulary(file, *tokenizer, *config));
  return ModelDirectory{.config = *std::move(config), .tokenizer = std::move(tokenizer)};
}

absl::Status CheckVocabulary(absl::string_view file, const Tokenizer& tokenizer,
                             const ModelConfig& config) {
  if (tokenizer.VocabularySize() <= config.vocab_size) return absl::OkStatus();
  return MakeError(absl::StatusCode::kInvalidArgument, "TOKENIZER_MISMATCH",
                   {.what = absl::StrCat(file, ": ", tokenizer.VocabularySize(),
                                         " tokens found; must be at most config.json's vocab_size ",
                                         config.vocab_size),
                    .why = "every token needs a row of the embedding",
                    .fix = "use the tokenizer this model was trained with",
                    .metadata = {{"file", std::string(file)},
                                 {"actual", absl::StrCat(tokenizer.VocabularySize())},
                                 {"max", absl::StrCat(config.vocab_size)}}});
}

}  // namespace kalavai

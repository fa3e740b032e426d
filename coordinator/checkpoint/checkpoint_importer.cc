#include "coordinator/checkpoint/checkpoint_importer.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/model_signature.h"
#include "common/model/model_config.h"
#include "common/model/model_directory.h"
#include "common/safetensors/checkpoint_directory.h"
#include "common/tokenizer/tokenizer.h"

namespace kalavai::coordinator {
namespace {

absl::Status CheckpointInvalid(const std::string& directory, std::string what,
                               absl::string_view fix) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CHECKPOINT_INVALID",
                   {.what = absl::StrCat(directory, ": ", what),
                    .why = "members train from this checkpoint and prove it by its digest",
                    .fix = std::string(fix),
                    .metadata = {{"directory", directory}}});
}

absl::Status CheckTokenizer(const std::string& directory, const std::string& path,
                            const ModelConfig& config) {
  if (path.empty()) {
    return CheckpointInvalid(directory, "tokenizer.json: not found; must be there",
                             "save the tokenizer beside the weights");
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(path));
  return CheckVocabulary(path, *tokenizer, config);
}

// Names of the regular files to copy, sorted.
absl::StatusOr<std::vector<std::string>> FilesToImport(const std::string& directory) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, ListCheckpointFiles(directory));
  if (static_cast<int64_t>(names.size()) > limits::kSubmissionFilesMax) {
    return CheckpointInvalid(
        directory,
        absl::StrCat(names.size(), " files found; must be at most ", limits::kSubmissionFilesMax),
        "save the weights in fewer shards");
  }
  return names;
}

}  // namespace

absl::Status CheckBaseDirectory(const std::string& directory) {
  if (!absl::StartsWith(directory, "/")) {
    return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                     {.what = absl::StrCat("source_directory: \"", directory,
                                           "\" found; must be an absolute path on the "
                                           "coordinator's machine"),
                      .fix = "pass the whole path",
                      .metadata = {{"field", "source_directory"}}});
  }
  ASSIGN_OR_RETURN(const CheckpointDirectory checkpoint, CheckpointDirectory::Open(directory, {}));
  ASSIGN_OR_RETURN(const ModelConfig config, ModelConfig::FromJson(checkpoint.config_json()));
  if (checkpoint.tensors().empty()) {
    return CheckpointInvalid(directory, "no tensor found; must hold the weights",
                             "save the model again");
  }
  return CheckTokenizer(directory, checkpoint.tokenizer_path(), config);
}

absl::StatusOr<CheckpointRow> ImportCheckpointFiles(const std::string& cooperative,
                                                    const std::string& directory,
                                                    const BlobStore& blobs, const SigningKey& key) {
  RETURN_IF_ERROR(CheckBaseDirectory(directory));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, FilesToImport(directory));
  CheckpointRow row = {.cooperative = cooperative, .root_digest = {}, .signature = {}, .files = {}};
  std::vector<Resource> resources;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const Digest digest, blobs.PutFile(absl::StrCat(directory, "/", name)));
    ASSIGN_OR_RETURN(const int64_t size, blobs.Size(digest));
    row.files.push_back({.path = name, .size_bytes = size, .digest = digest});
    resources.push_back({.name = name, .digest = digest});
  }
  row.root_digest = RootDigest(resources);
  ASSIGN_OR_RETURN(const std::string statement, BuildStatement(kBaseCheckpoint, resources));
  ASSIGN_OR_RETURN(row.signature, SignStatement(key, statement));
  return row;
}

}  // namespace kalavai::coordinator

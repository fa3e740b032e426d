#include "coordinator/submission/declared_files.h"

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/corpus/document_list.h"
#include "common/crypto/model_signature.h"

namespace kalavai::coordinator {

const std::vector<std::string>& RequiredSubmissionFiles() {
  static const auto* const kNames = new std::vector<std::string>{
      "config.json",  "divergence.json", "model.safetensors", "model.sig",
      "privacy.json", "submission.json", "tokenizer.json"};
  return *kNames;
}

const std::vector<std::string>& OptionalSubmissionFiles() {
  static const auto* const kNames = new std::vector<std::string>{
      "gate_statistics.safetensors", "generation_config.json", "special_tokens_map.json",
      "tokenizer_config.json", kTrainingDocumentsFile};
  return *kNames;
}

namespace {

int64_t DeclaredSizeMax(absl::string_view path, int64_t base_weight_bytes) {
  if (path == "tokenizer.json") return limits::kTokenizerBytesMax;
  if (path == kTrainingDocumentsFile) return kDocumentListBytesMax;
  if (path == kModelSignatureFile) return limits::kModelSignatureBytesMax;
  // The same tensors under another header at most; never more than the base's bytes.
  if (absl::EndsWith(path, ".safetensors")) {
    return base_weight_bytes + limits::kSafetensorsHeaderBytesMax;
  }
  return limits::kJsonBytesMax;
}

}  // namespace

absl::Status CheckDeclaredFiles(const std::vector<SubmissionFile>& files,
                                const std::vector<SubmissionFile>& base_files) {
  int64_t base_weight_bytes = 0;
  for (const SubmissionFile& file : base_files) {
    if (absl::EndsWith(file.path, ".safetensors")) base_weight_bytes += file.size_bytes;
  }
  const auto listed = [](const std::vector<std::string>& names, const std::string& name) {
    return std::binary_search(names.begin(), names.end(), name);
  };
  std::map<std::string, int> seen;
  for (const SubmissionFile& file : files) {
    const std::map<std::string, std::string> metadata = {{"file", file.path}};
    if ((!listed(RequiredSubmissionFiles(), file.path) &&
         !listed(OptionalSubmissionFiles(), file.path)) ||
        ++seen[file.path] > 1) {
      return MakeError(absl::StatusCode::kInvalidArgument, "FILE_NOT_ALLOWED",
                       {.what = absl::StrCat(file.path,
                                             ": not an allowed name, or twice; must be "
                                             "one of ",
                                             absl::StrJoin(RequiredSubmissionFiles(), ", "), ", ",
                                             absl::StrJoin(OptionalSubmissionFiles(), ", ")),
                        .why = "only files whose meaning is known may enter",
                        .fix = "remove the file and sign again",
                        .metadata = metadata});
    }
    const int64_t size_max = DeclaredSizeMax(file.path, base_weight_bytes);
    if (file.size_bytes <= 0 || file.size_bytes > size_max) {
      return MakeError(absl::StatusCode::kInvalidArgument, "SIZE_MISMATCH",
                       {.what = absl::StrCat(file.path, ": ", file.size_bytes,
                                             " bytes; must be from 1 to ", size_max),
                        .fix = "build the submission again with 'kalavai submit'",
                        .metadata = metadata});
    }
  }
  for (const std::string& name : RequiredSubmissionFiles()) {
    if (seen.contains(name)) continue;
    return MakeError(absl::StatusCode::kInvalidArgument, "FILE_MISSING",
                     {.what = absl::StrCat(name, ": not there; must be part of a submission"),
                      .fix = "run 'kalavai submit' again",
                      .metadata = {{"file", name}}});
  }
  return absl::OkStatus();
}

}  // namespace kalavai::coordinator

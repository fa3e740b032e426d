#include "common/training/checkpoint_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/sha256.h"
#include "common/model/weights.h"
#include "common/storage/atomic_file.h"

namespace kalavai {

absl::Status WriteCheckpoint(const Transformer& model, const std::string& tokenizer_path,
                             const std::string& directory, WeightType type) {
  const std::string partial = absl::StrCat(directory, ".partial");
  std::error_code ignored;
  std::filesystem::remove_all(partial, ignored);
  RETURN_IF_ERROR(EnsureDirectory(partial));
  RETURN_IF_ERROR(SaveTransformer(model, partial, type));
  ASSIGN_OR_RETURN(const std::string tokenizer,
                   ReadFileBounded(tokenizer_path, limits::kTokenizerBytesMax));
  RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(partial, "/tokenizer.json"), tokenizer));
  std::filesystem::remove_all(directory, ignored);
  if (std::rename(partial.c_str(), directory.c_str()) != 0) {
    return ErrnoError(errno, "rename", directory);
  }
  const std::filesystem::path parent = std::filesystem::path(directory).parent_path();
  return SyncDirectory(parent.empty() ? "." : parent.string());
}

absl::StatusOr<std::string> WeightsDigest(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name == "config.json" || name == "tokenizer.json" || absl::EndsWith(name, ".safetensors")) {
      names.push_back(name);
    }
  }
  if (error) return ErrnoError(error.value(), "read directory", directory);
  std::sort(names.begin(), names.end());
  Sha256 hash;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const Digest digest, Sha256OfFile(absl::StrCat(directory, "/", name)));
    hash.Update(absl::StrCat(name, ":", digest.Hex(), ";"));
  }
  return hash.Finish().Hex();
}

}  // namespace kalavai

#include "coordinator/model_directory.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/storage/atomic_file.h"

namespace kalavai::coordinator {
namespace {

absl::Status CheckFlatName(absl::string_view name) {
  if (!name.empty() && name != "." && name != ".." && !absl::StrContains(name, '/')) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kInvalidArgument, "FILE_NAME_INVALID",
                   {.what = absl::StrCat("file name: '", name, "' found; must be without '/'"),
                    .metadata = {{"name", std::string(name)}}});
}

absl::Status LinkOrCopy(const std::string& blob, const std::string& target) {
  std::error_code error;
  std::filesystem::create_hard_link(blob, target, error);
  if (!error) return absl::OkStatus();
  // Another file system, or one without hard links.
  std::filesystem::copy_file(blob, target, error);
  if (!error) return absl::OkStatus();
  return ErrnoError(error.value(), "copy", target);
}

}  // namespace

absl::Status MaterialiseCheckpoint(const BlobStore& blobs, std::span<const BlobFile> files,
                                   const std::string& directory) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  if (error) return ErrnoError(error.value(), "remove", directory);
  RETURN_IF_ERROR(EnsureDirectory(directory, 0700));
  for (const BlobFile& file : files) {
    RETURN_IF_ERROR(CheckFlatName(file.path));
    if (!blobs.Contains(file.digest)) {
      return MakeError(absl::StatusCode::kNotFound, "BLOB_NOT_FOUND",
                       {.what = absl::StrCat(file.path, ": blob ", file.digest.Hex(),
                                             " is missing; must be in the store"),
                        .why = "its bytes were deleted, or the data directory is damaged",
                        .fix = "fuse again without this submission",
                        .metadata = {{"path", file.path}, {"digest", file.digest.Hex()}}});
    }
    RETURN_IF_ERROR(LinkOrCopy(blobs.Path(file.digest), absl::StrCat(directory, "/", file.path)));
  }
  return absl::OkStatus();
}

bool IsModelFile(absl::string_view path) {
  return path == "config.json" || path == "tokenizer.json" ||
         path == "model.safetensors.index.json" || absl::EndsWith(path, ".safetensors");
}

}  // namespace kalavai::coordinator

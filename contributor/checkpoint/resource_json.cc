#include "contributor/checkpoint/resource_json.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"

namespace kalavai::contributor {

nlohmann::json ToJson(std::span<const Resource> resources) {
  nlohmann::json files = nlohmann::json::array();
  for (const Resource& resource : resources) {
    files.push_back({{"name", resource.name}, {"sha256", resource.digest.Hex()}});
  }
  return files;
}

absl::Status RequireDirectory(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (error) return ErrnoError(error.value(), "open directory", path);
  if (std::filesystem::is_directory(status)) return absl::OkStatus();
  return MakeError(absl::StatusCode::kInvalidArgument, "NOT_A_DIRECTORY",
                   {.what = absl::StrCat(path, ": a file found; must be a directory"),
                    .why = "a signature covers all files of a directory together",
                    .fix = "name the directory that holds the checkpoint",
                    .metadata = {{"path", path}}});
}

}  // namespace kalavai::contributor

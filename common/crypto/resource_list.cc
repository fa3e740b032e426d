#include "common/crypto/resource_list.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/crypto/file_digests.h"

namespace kalavai {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNameBytesMax = 1024;
constexpr std::array<const char*, 4> kGitNames = {".git", ".gitattributes", ".github",
                                                  ".gitignore"};

absl::Status NameError(absl::string_view name, absl::string_view rule) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "NAME_INVALID",
      {.what = absl::StrCat("file name '", absl::CHexEscape(name.substr(0, 200)), "': ", rule),
       .why = "a name with two readings could mean another file",
       .fix = "rename the file",
       .metadata = {{"name", absl::CHexEscape(name.substr(0, 200))}}});
}

bool IsIgnored(absl::string_view name, absl::string_view ignored_name) {
  if (name == ignored_name && !ignored_name.empty()) return true;
  return std::find(kGitNames.begin(), kGitNames.end(), name) != kGitNames.end();
}

absl::Status KindError(const std::string& path, absl::string_view kind) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "FILE_KIND_REFUSED",
      {.what = absl::StrCat(path, ": ", kind, " found; must be a regular file or a directory"),
       .why = "what it leads to could change after signing",
       .fix = "put a real copy of the file there",
       .metadata = {{"path", path}}});
}

absl::Status ListInto(const fs::path& directory, const std::string& prefix,
                      absl::string_view ignored_name, std::vector<std::string>& names) {
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = absl::StrCat(prefix, entry->path().filename().string());
    if (IsIgnored(name, ignored_name)) continue;
    const fs::file_status status = entry->symlink_status(error);
    if (error) break;
    if (fs::is_directory(status)) {
      RETURN_IF_ERROR(ListInto(entry->path(), absl::StrCat(name, "/"), ignored_name, names));
    } else if (fs::is_regular_file(status)) {
      names.push_back(name);
    } else {
      return KindError(entry->path().string(),
                       fs::is_symlink(status) ? "symbolic link" : "special file");
    }
  }
  if (error) return ErrnoError(error.value(), "list", directory.string());
  return absl::OkStatus();
}

}  // namespace

Digest RootDigest(std::span<const Resource> resources) {
  Sha256 hash;
  for (const Resource& resource : resources) hash.Update(resource.digest.bytes());
  return hash.Finish();
}

std::string NameInDirectory(const std::string& directory, const std::string& path) {
  std::error_code error;
  const fs::path base = fs::weakly_canonical(directory, error);
  if (error) return "";
  const fs::path file = fs::weakly_canonical(path, error);
  const std::string name = file.lexically_relative(base).generic_string();
  return error || !CheckResourceName(name).ok() ? "" : name;
}

absl::Status CheckResourceName(absl::string_view name) {
  if (name.size() > kNameBytesMax) {
    return NameError(name, absl::StrCat("must have at most ", kNameBytesMax, " bytes"));
  }
  if (!CheckUtf8(name).ok()) return NameError(name, "must be valid UTF-8");
  for (const char c : name) {
    if (c == '\\') return NameError(name, "must not contain a backslash");
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      return NameError(name, "must not contain control characters");
    }
  }
  for (const absl::string_view component : absl::StrSplit(name, '/')) {
    if (component.empty()) return NameError(name, "must be relative, without empty components");
    if (component == "." || component == "..") {
      return NameError(name, "must not have the components '.' and '..'");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckResourceNames(std::span<const Resource> resources) {
  std::map<std::string, absl::string_view> seen;
  for (const Resource& resource : resources) {
    RETURN_IF_ERROR(CheckResourceName(resource.name));
    const auto [place, added] = seen.emplace(absl::AsciiStrToLower(resource.name), resource.name);
    if (!added) {
      return NameError(resource.name,
                       absl::StrCat("must differ from '", place->second, "', ignoring case"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Resource>> EnumerateDirectory(const std::string& directory,
                                                         absl::string_view ignored_name) {
  std::vector<std::string> names;
  RETURN_IF_ERROR(ListInto(directory, "", ignored_name, names));
  std::sort(names.begin(), names.end());  // std::string compares bytes as unsigned
  std::vector<std::string> paths;
  for (const std::string& name : names) {
    RETURN_IF_ERROR(CheckResourceName(name));
    paths.push_back((fs::path(directory) / name).string());
  }
  ASSIGN_OR_RETURN(const std::vector<Digest> digests, Sha256OfFiles(paths));
  std::vector<Resource> resources;
  for (size_t i = 0; i < names.size(); ++i) resources.push_back({std::move(names[i]), digests[i]});
  RETURN_IF_ERROR(CheckResourceNames(resources));
  return resources;
}

absl::Status RequireFiles(const std::string& directory, std::span<const Resource> resources) {
  if (!resources.empty()) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "DIRECTORY_EMPTY",
                   {.what = absl::StrCat(directory, ": no files found; must hold at least one"),
                    .why = "a signature over nothing would accept any content",
                    .fix = "name the directory that holds the checkpoint",
                    .metadata = {{"path", directory}}});
}

}  // namespace kalavai

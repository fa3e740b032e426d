#include "common/crypto/resource_list.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
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

// Length of the UTF-8 sequence that `text` begins with (RFC 3629: no overlong forms, surrogates or
// values above U+10FFFF), 0 when it begins with none.
size_t Utf8SequenceLength(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  size_t length = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) length = 2;
  if (lead >= 0xE0 && lead <= 0xEF) length = 3;
  if (lead >= 0xF0 && lead <= 0xF4) length = 4;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  if (length == 0 || text.size() < length || byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return length;
}

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
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

absl::Status CheckResourceName(absl::string_view name) {
  if (name.size() > kNameBytesMax) {
    return NameError(name, absl::StrCat("must have at most ", kNameBytesMax, " bytes"));
  }
  if (!IsUtf8(name)) return NameError(name, "must be valid UTF-8");
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
  std::vector<Resource> resources;
  for (std::string& name : names) {
    RETURN_IF_ERROR(CheckResourceName(name));
    ASSIGN_OR_RETURN(const Digest digest, Sha256OfFile((fs::path(directory) / name).string()));
    resources.push_back({std::move(name), digest});
  }
  RETURN_IF_ERROR(CheckResourceNames(resources));
  return resources;
}

}  // namespace kalavai

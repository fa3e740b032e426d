#include "contributor/submission/files_to_send.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"

namespace kalavai::contributor {
namespace {

constexpr size_t kShownBytes = 100;  // of the coordinator's words

absl::Status NotOffered(const v1::FileDigest& asked, std::string must) {
  const std::string path = absl::CHexEscape(asked.path().substr(0, kShownBytes));
  return MakeError(
      absl::StatusCode::kPermissionDenied, "FILE_NOT_OFFERED",
      {.what = absl::StrCat(
           "the coordinator asks for '", path, "', ", asked.size_bytes(), " bytes, SHA-256 '",
           absl::CHexEscape(asked.sha256().substr(0, kShownBytes)), "'; must be ", must),
       .why = "only what was signed for this submission leaves this machine",
       .fix = "it was not sent; tell the launcher and the other members what was asked for",
       .metadata = {{"file", path}}});
}

}  // namespace

absl::Status CheckAsked(const v1::FileDigest& asked, const BuiltFile& file) {
  if (asked.path() == file.path && asked.size_bytes() == file.size_bytes &&
      asked.sha256() == file.digest.Hex()) {
    return absl::OkStatus();
  }
  return NotOffered(asked, absl::StrCat("'", file.path, "', ", file.size_bytes, " bytes, ",
                                        file.digest.Hex(), " as declared"));
}

absl::StatusOr<std::vector<BuiltFile>> FilesToSend(const BuiltSubmission& built,
                                                   const v1::DeclareFilesResponse& missing) {
  std::vector<BuiltFile> files;
  std::set<std::string> named;
  for (const v1::FileDigest& asked : missing.missing_files()) {
    const auto file =
        std::find_if(built.files.begin(), built.files.end(),
                     [&asked](const BuiltFile& own) { return own.path == asked.path(); });
    if (file == built.files.end()) return NotOffered(asked, "one of the files declared");
    RETURN_IF_ERROR(CheckAsked(asked, *file));
    if (!named.insert(asked.path()).second) return NotOffered(asked, "named once");
    files.push_back(*file);
  }
  return files;
}

}  // namespace kalavai::contributor

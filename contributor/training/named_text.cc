#include "contributor/training/named_text.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/cli/program.h"

namespace kalavai::contributor {
namespace {

namespace fs = std::filesystem;

// What the person probably meant: the file's name without its extension as NAME.
std::string Example(const std::string& entry) {
  const size_t equals = entry.find('=');
  const std::string path = equals == std::string::npos ? entry : entry.substr(equals + 1);
  const std::string stem = fs::path(path).stem().string();
  if (path.empty() || stem.empty()) return "e.g. --data legal=judgments.jsonl";
  return absl::StrCat("e.g. --data ", stem, "=", path);
}

absl::StatusOr<std::vector<std::string>> FilesOf(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return ErrnoError(ENOENT, "open", path);
  if (error) return ErrnoError(error.value(), "open", path);
  if (status.type() != fs::file_type::directory) return std::vector<std::string>{path};
  std::vector<std::string> files;
  fs::directory_iterator entry(path, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string file = entry->path().string();
    if (!absl::EndsWith(file, ".txt") && !absl::EndsWith(file, ".jsonl")) continue;
    std::error_code ignored;
    if (entry->is_regular_file(ignored)) files.push_back(file);
  }
  if (error) return ErrnoError(error.value(), "list", path);
  if (files.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "TEXT_EMPTY",
                     {.what = absl::StrCat(path, ": no .txt or .jsonl file found; must hold one"),
                      .why = "of a directory its .txt and .jsonl files are read",
                      .fix = "name a file, or the directory that holds them",
                      .metadata = {{"file", path}}});
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

absl::StatusOr<std::vector<NamedText>> ParseNamedTexts(const std::vector<std::string>& entries) {
  std::vector<NamedText> texts;
  std::set<std::string> names;
  for (const std::string& entry : entries) {
    const size_t equals = entry.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == entry.size()) {
      return UsageError(absl::StrCat("--data '", entry, "' found; must be NAME=PATH"),
                        Example(entry));
    }
    NamedText text = {.name = entry.substr(0, equals)};
    if (!CheckUtf8(text.name).ok()) {
      return UsageError(absl::StrCat("--data '", entry, "': the NAME is not UTF-8"),
                        "choose another name");
    }
    if (!names.insert(text.name).second) {
      return UsageError(absl::StrCat("--data ", text.name, "= found twice; must be given once"),
                        absl::StrCat("e.g. --data ", text.name, "-2=", entry.substr(equals + 1),
                                     ", or put the files into one directory"));
    }
    texts.push_back(std::move(text));
  }
  for (size_t i = 0; i < texts.size(); ++i) {  // the command line is right; now the files
    ASSIGN_OR_RETURN(texts[i].files, FilesOf(entries[i].substr(texts[i].name.size() + 1)));
  }
  return texts;
}

}  // namespace kalavai::contributor

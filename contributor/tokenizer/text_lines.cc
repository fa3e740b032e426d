#include "contributor/tokenizer/text_lines.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include <unistd.h>

#include "CLI/CLI.hpp"
#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/storage/atomic_file.h"

namespace kalavai::contributor {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

absl::StatusOr<std::string> ReadStandardInput() {
  std::string text;
  std::array<char, 1 << 16> buffer;
  while (true) {
    const ssize_t count = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, "read", "standard input");
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(count));
    if (static_cast<int64_t>(text.size()) > limits::kTextFileBytesMax) {
      return MakeError(
          absl::StatusCode::kInvalidArgument, "FILE_TOO_LARGE",
          {.what = absl::StrCat("standard input: more than ", limits::kTextFileBytesMax, " bytes"),
           .why = "a text is held in memory",
           .fix = "cut it into several files"});
    }
  }
}

}  // namespace

void AddTokenizerOption(CLI::App& app, std::string& path) {
  app.add_option("--tokenizer", path, "tokenizer.json, or a checkpoint directory that holds one")
      ->type_name("FILE|DIR")
      ->required();
}

absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return Tokenizer::Load(absl::StrCat(path, "/tokenizer.json"));
  }
  return Tokenizer::Load(path);
}

std::string NameOf(const std::string& path) {
  return path == kStandardInput ? "standard input" : path;
}

absl::StatusOr<std::string> ReadInput(const std::string& path) {
  if (path == kStandardInput) return ReadStandardInput();
  return ReadFileBounded(path, limits::kTextFileBytesMax);
}

absl::Status CheckText(absl::string_view text, absl::string_view path) {
  const int64_t offset = ValidUtf8Prefix(text);
  if (offset == static_cast<int64_t>(text.size())) return absl::OkStatus();
  const auto line = 1 + std::count(text.begin(), text.begin() + offset, '\n');
  return MakeError(absl::StatusCode::kInvalidArgument, "TEXT_NOT_UTF8",
                   {.what = absl::StrCat(path, ": byte ", offset, " (line ", line,
                                         ") is not part of a UTF-8 character"),
                    .why = "token ids are defined for UTF-8 text only",
                    .fix = "convert the text to UTF-8, for instance with iconv",
                    .metadata = {{"file", std::string(path)},
                                 {"offset", absl::StrCat(offset)},
                                 {"line", absl::StrCat(line)}}});
}

std::vector<absl::string_view> LinesOf(absl::string_view text) {
  std::vector<absl::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

absl::StatusOr<std::vector<int32_t>> ParseTokenIds(absl::string_view line,
                                                   const Tokenizer& tokenizer,
                                                   absl::string_view path, int64_t number) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < line.size();) {
    if (IsBlank(line[i])) {
      ++i;
      continue;
    }
    const size_t begin = i;
    while (i < line.size() && !IsBlank(line[i])) ++i;
    const absl::string_view word = line.substr(begin, i - begin);
    int32_t id = -1;
    // SimpleAtoi would also take signs.
    const bool digits =
        std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (digits && absl::SimpleAtoi(word, &id) && tokenizer.HasToken(id)) {
      ids.push_back(id);
      continue;
    }
    const std::string shown = absl::CHexEscape(word.substr(0, 40));
    return MakeError(absl::StatusCode::kInvalidArgument, "TOKEN_ID_INVALID",
                     {.what = absl::StrCat(path, ": line ", number, ", column ", begin + 1, ": '",
                                           shown, "' found; must be the id of a token, 0 … ",
                                           tokenizer.VocabularySize() - 1),
                      .why = digits ? "the tokenizer has no such token" : "ids are decimal numbers",
                      .fix = "use the tokenizer the ids were made with",
                      .metadata = {{"file", std::string(path)},
                                   {"line", absl::StrCat(number)},
                                   {"column", absl::StrCat(begin + 1)},
                                   {"actual", shown}}});
  }
  return ids;
}

}  // namespace kalavai::contributor

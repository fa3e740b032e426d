// What the tokenizer's commands read: a tokenizer, a text as lines, lines of token ids.
//
// Lines: LF alone ends a line and belongs to none. CR, U+2028 and NUL are content. A last line
// without LF counts; a final LF begins no further line.
#ifndef KALAVAI_CONTRIBUTOR_TOKENIZER_TEXT_LINES_H_
#define KALAVAI_CONTRIBUTOR_TOKENIZER_TEXT_LINES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/tokenizer/tokenizer.h"

namespace CLI {
class App;
}

namespace kalavai::contributor {

// The option every command here has: --tokenizer FILE|DIR, required.
void AddTokenizerOption(CLI::App& app, std::string& path);

// Loads tokenizer.json, or that of a checkpoint directory. Errors: those of Tokenizer::Load.
absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& path);

// The name of standard input, as people write it.
inline constexpr absl::string_view kStandardInput = "-";

// How errors name an input.
std::string NameOf(const std::string& path);

// Reads a file, or standard input for "-"; at most limits::kTextFileBytesMax. Errors:
// FILE_NOT_FOUND, FILE_TOO_LARGE, FILE_KIND_REFUSED, IO_ERROR.
absl::StatusOr<std::string> ReadInput(const std::string& path);

// OK, or INVALID_ARGUMENT TEXT_NOT_UTF8 that names the file, the byte offset in it and the line.
// Metadata: `file`, `offset`, `line`.
absl::Status CheckText(absl::string_view text, absl::string_view path);

// The views live as long as `text`.
std::vector<absl::string_view> LinesOf(absl::string_view text);

// Reads the ids of line `number` (from 1) of `path`: decimal numbers separated by blanks (spaces,
// tabs, a CR at the end). Errors: INVALID_ARGUMENT TOKEN_ID_INVALID, metadata `file`, `line`,
// `column` (bytes from 1), `actual`.
absl::StatusOr<std::vector<int32_t>> ParseTokenIds(absl::string_view line,
                                                   const Tokenizer& tokenizer,
                                                   absl::string_view path, int64_t number);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_TOKENIZER_TEXT_LINES_H_

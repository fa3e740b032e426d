#include "common/corpus/packing.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"

namespace kalavai {
namespace {

constexpr absl::string_view kBlankLine = "\n\n";

absl::Status CheckChunkTokens(int64_t chunk_tokens) {
  if (chunk_tokens >= 2) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
      {.what = absl::StrCat("chunk_tokens: ", chunk_tokens, " found; must be at least 2"),
       .why = "a chunk of n tokens holds n-1 predictions",
       .fix = "choose the length the cooperative's charter names",
       .metadata = {{"field", "chunk_tokens"}}});
}

TokenChunks Cut(std::vector<int32_t> stream, int64_t chunk_tokens) {
  stream.resize(stream.size() - stream.size() % static_cast<size_t>(chunk_tokens));
  return {.chunk_tokens = chunk_tokens, .tokens = std::move(stream)};
}

}  // namespace

absl::StatusOr<TokenChunks> PackChunks(const Tokenizer& tokenizer,
                                       std::span<const Document> documents, int64_t chunk_tokens) {
  RETURN_IF_ERROR(CheckChunkTokens(chunk_tokens));
  const std::optional<int32_t> end_of_text = tokenizer.EndOfTextId();
  ASSIGN_OR_RETURN(const std::vector<int32_t> blank_line, tokenizer.Encode(kBlankLine));
  std::vector<int32_t> stream;
  for (const Document& document : documents) {
    if (!end_of_text.has_value() && !stream.empty()) {
      stream.insert(stream.end(), blank_line.begin(), blank_line.end());
    }
    ASSIGN_OR_RETURN(const std::vector<int32_t> ids, tokenizer.Encode(document.text));
    stream.insert(stream.end(), ids.begin(), ids.end());
    if (end_of_text.has_value()) stream.push_back(*end_of_text);
  }
  return Cut(std::move(stream), chunk_tokens);
}

absl::StatusOr<TokenChunks> ReferencePacking(const Tokenizer& tokenizer,
                                             std::span<const Document> documents,
                                             int64_t chunk_tokens, int64_t characters_max) {
  RETURN_IF_ERROR(CheckChunkTokens(chunk_tokens));
  std::string text;
  for (const Document& document : documents) {
    const absl::string_view whole = document.text;
    const size_t bytes = characters_max > 0
                             ? static_cast<size_t>(CharacterPrefixBytes(whole, characters_max))
                             : whole.size();
    absl::StrAppend(&text, &document == documents.data() ? "" : kBlankLine, whole.substr(0, bytes));
  }
  ASSIGN_OR_RETURN(std::vector<int32_t> stream, tokenizer.Encode(text));
  return Cut(std::move(stream), chunk_tokens);
}

}  // namespace kalavai

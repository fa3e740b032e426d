#include "common/corpus/documents.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/storage/atomic_file.h"

namespace kalavai {
namespace {

// Puts the file before the message and into the metadata; `offset_start` is added to an `offset`.
absl::Status InFile(const absl::Status& status, const std::string& path, int64_t offset_start = 0,
                    int64_t line = 0) {
  std::optional<ErrorDetail> detail = GetErrorDetail(status);
  if (status.ok() || !detail.has_value()) return status;
  ErrorText text = std::move(detail->text);
  std::string place = path;
  text.metadata["file"] = path;
  if (line > 0) {
    absl::StrAppend(&place, " line ", line);
    text.metadata["line"] = absl::StrCat(line);
  }
  int64_t offset = 0;
  if (absl::SimpleAtoi(text.metadata["offset"], &offset)) {
    text.metadata["offset"] = absl::StrCat(offset_start + offset);
  } else {
    text.metadata.erase("offset");
  }
  text.what = absl::StrCat(place, ": ", text.what);
  return MakeError(status.code(), detail->reason, std::move(text));
}

bool IsBlank(absl::string_view text) { return absl::StripAsciiWhitespace(text).empty(); }

// Returns the line at `position` without its end, and moves `position` behind it.
absl::string_view TakeLine(absl::string_view text, size_t& position) {
  const size_t end = text.find('\n', position);
  const size_t stop = end == absl::string_view::npos ? text.size() : end;
  const absl::string_view line = text.substr(position, stop - position);
  position = end == absl::string_view::npos ? text.size() : end + 1;
  return line;
}

// Returns the paragraphs of `text`: runs of lines that are not blank.
std::vector<absl::string_view> Paragraphs(absl::string_view text) {
  std::vector<absl::string_view> paragraphs;
  size_t begin = 0;
  for (size_t position = 0; position < text.size();) {
    const size_t line_begin = position;
    const absl::string_view line = TakeLine(text, position);
    const bool last = position == text.size();
    if (!IsBlank(line) && !last) continue;
    const size_t end = IsBlank(line) ? line_begin : text.size();
    const absl::string_view paragraph =
        absl::StripTrailingAsciiWhitespace(text.substr(begin, end - begin));
    if (!IsBlank(paragraph)) paragraphs.push_back(paragraph);
    begin = position;
  }
  return paragraphs;
}

enum class BlankTexts { kDrop, kKeep };

absl::StatusOr<std::vector<Document>> ReadJsonLines(absl::string_view bytes, int64_t bytes_before,
                                                    const std::string& path, BlankTexts blank) {
  std::vector<Document> documents;
  int64_t number = 0;
  for (size_t position = 0; position < bytes.size();) {
    const auto start = bytes_before + static_cast<int64_t>(position);
    const absl::string_view line = TakeLine(bytes, position);
    ++number;
    if (IsBlank(line)) continue;
    const absl::StatusOr<nlohmann::json> object =
        ReadJson(line, {.bytes_max = limits::kTextLineBytesMax});
    if (!object.ok()) return InFile(object.status(), path, start, number);
    absl::StatusOr<std::string> text = JsonString(*object, "text");
    if (!text.ok()) return InFile(text.status(), path, start, number);
    if (blank == BlankTexts::kKeep || !IsBlank(*text)) {
      documents.push_back(MakeDocument(*std::move(text)));
    }
  }
  return documents;
}

// SHA-256(purpose ‖ 0x00 ‖ digest), the first eight bytes as a fraction of 2^64.
uint64_t SplitHash(const Digest& digest, absl::string_view purpose) {
  Sha256 hash;
  hash.Update(purpose);
  hash.Update(absl::string_view("\0", 1));
  hash.Update(digest.bytes());
  const Digest keyed = hash.Finish();
  uint64_t value = 0;
  for (const char c : keyed.bytes().substr(0, 8)) {
    value = (value << 8U) | static_cast<unsigned char>(c);
  }
  return value;
}

absl::Status CheckTextFileName(const std::string& path) {
  const bool lines = absl::EndsWith(path, ".jsonl");
  if (!lines && !absl::EndsWith(path, ".txt")) {
    return MakeError(absl::StatusCode::kInvalidArgument, "FILE_TYPE_UNSUPPORTED",
                     {.what = absl::StrCat(path, ": must end with '.txt' or '.jsonl'"),
                      .why = "the extension says how documents are told apart",
                      .fix = "convert the file, or rename it if the content is right",
                      .metadata = {{"file", path}}});
  }
  return absl::OkStatus();
}

absl::Status NoText(const std::string& path, absl::string_view found) {
  return MakeError(absl::StatusCode::kInvalidArgument, "TEXT_EMPTY",
                   {.what = absl::StrCat(path, ": ", found),
                    .why = "there is nothing to train or measure on",
                    .fix = "add text, or leave the file out",
                    .metadata = {{"file", path}}});
}

// Without a byte-order mark.
absl::StatusOr<absl::string_view> CheckedText(absl::string_view bytes, const std::string& path) {
  RETURN_IF_ERROR(InFile(CheckUtf8(bytes), path));
  return absl::StripPrefix(bytes, "\xEF\xBB\xBF");
}

}  // namespace

Document MakeDocument(std::string text) {
  const Digest digest = Sha256Of(text);
  return {.text = std::move(text), .digest = digest};
}

std::vector<Document> DocumentsOfText(absl::string_view text) {
  constexpr absl::string_view kBlankLine = "\n\n";
  std::vector<Document> documents;
  std::string joined;
  int64_t joined_characters = 0;
  const auto flush = [&] {
    if (!joined.empty()) documents.push_back(MakeDocument(std::exchange(joined, "")));
    joined_characters = 0;
  };
  for (absl::string_view paragraph : Paragraphs(text)) {
    int64_t characters = CountCharacters(paragraph);
    const auto separator = static_cast<int64_t>(joined.empty() ? 0 : kBlankLine.size());
    if (joined_characters + separator + characters > limits::kDocumentCharactersMax) flush();
    for (; characters > limits::kDocumentCharactersMax;
         characters -= limits::kDocumentCharactersMax) {
      const auto cut =
          static_cast<size_t>(CharacterPrefixBytes(paragraph, limits::kDocumentCharactersMax));
      if (!IsBlank(paragraph.substr(0, cut))) {
        documents.push_back(MakeDocument(std::string(paragraph.substr(0, cut))));
      }
      paragraph.remove_prefix(cut);
    }
    if (!joined.empty()) absl::StrAppend(&joined, kBlankLine);
    joined_characters += (joined.empty() ? 0 : separator) + characters;
    absl::StrAppend(&joined, paragraph);
  }
  flush();
  return documents;
}

absl::StatusOr<std::vector<Document>> ReadDocuments(const std::string& path) {
  RETURN_IF_ERROR(CheckTextFileName(path));
  ASSIGN_OR_RETURN(const std::string bytes, ReadFileBounded(path, limits::kTextFileBytesMax));
  return ParseDocuments(bytes, path);
}

absl::StatusOr<std::vector<Document>> ParseDocuments(absl::string_view bytes,
                                                     const std::string& path) {
  RETURN_IF_ERROR(CheckTextFileName(path));
  ASSIGN_OR_RETURN(const absl::string_view text, CheckedText(bytes, path));
  std::vector<Document> documents;
  if (absl::EndsWith(path, ".jsonl")) {
    const auto before = static_cast<int64_t>(bytes.size() - text.size());
    ASSIGN_OR_RETURN(documents, ReadJsonLines(text, before, path, BlankTexts::kDrop));
  } else {
    documents = DocumentsOfText(text);
  }
  if (documents.empty()) return NoText(path, "no document found; must hold at least one");
  return documents;
}

absl::StatusOr<std::vector<Document>> ReadWholeTexts(const std::string& path) {
  RETURN_IF_ERROR(CheckTextFileName(path));
  ASSIGN_OR_RETURN(const std::string bytes, ReadFileBounded(path, limits::kTextFileBytesMax));
  ASSIGN_OR_RETURN(const absl::string_view text, CheckedText(bytes, path));
  std::vector<Document> texts;
  if (absl::EndsWith(path, ".jsonl")) {
    const auto before = static_cast<int64_t>(bytes.size() - text.size());
    ASSIGN_OR_RETURN(texts, ReadJsonLines(text, before, path, BlankTexts::kKeep));
  } else {
    texts.push_back(MakeDocument(std::string(text)));
  }
  if (std::all_of(texts.begin(), texts.end(),
                  [](const Document& document) { return IsBlank(document.text); })) {
    return NoText(path, "only white space found; must hold text");
  }
  return texts;
}

absl::StatusOr<std::vector<Document>> ReadDocuments(const std::vector<std::string>& paths) {
  std::vector<Document> documents;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(std::vector<Document> some, ReadDocuments(path));
    documents.insert(documents.end(), std::make_move_iterator(some.begin()),
                     std::make_move_iterator(some.end()));
  }
  return documents;
}

std::vector<Document> Deduplicate(std::vector<Document> documents) {
  absl::flat_hash_set<Digest> seen;
  std::vector<Document> distinct;
  for (Document& document : documents) {
    if (seen.insert(document.digest).second) distinct.push_back(std::move(document));
  }
  return distinct;
}

DocumentSplit SplitByHash(std::vector<Document> documents, absl::string_view purpose,
                          double first_share) {
  KALAVAI_CHECK(first_share > 0 && first_share < 1, "a share lies between 0 and 1");
  constexpr double kTwoTo64 = 18446744073709551616.0;
  // Documents with a hash below the border go first. It moves only where a side would be empty.
  auto border = static_cast<uint64_t>(first_share * kTwoTo64);
  uint64_t least = std::numeric_limits<uint64_t>::max();
  uint64_t most = 0;
  std::vector<uint64_t> hashes;
  hashes.reserve(documents.size());
  for (const Document& document : documents) {
    hashes.push_back(SplitHash(document.digest, purpose));
    least = std::min(least, hashes.back());
    most = std::max(most, hashes.back());
  }
  if (least < most) {
    if (border <= least) border = least + 1;
    if (border > most) border = most;
  }
  DocumentSplit split;
  for (size_t i = 0; i < documents.size(); ++i) {
    (hashes[i] < border ? split.first : split.second).push_back(std::move(documents[i]));
  }
  return split;
}

}  // namespace kalavai

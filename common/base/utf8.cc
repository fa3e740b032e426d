#include "common/base/utf8.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"

namespace kalavai {
namespace {

struct Scan {
  size_t length = 0;  // bytes of the character, or of its maximal ill-formed part (at least 1)
  bool well_formed = false;
  bool truncated = false;  // ill-formed only because the text ends
};

bool IsContinuation(unsigned char byte) { return (byte & 0xC0U) == 0x80U; }

// The one place that knows Unicode 15 table 3-7.
Scan ScanCharacter(absl::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {.length = 1, .well_formed = true};
  if (lead < 0xC2 || lead > 0xF4) return {.length = 1};
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {.length = i, .truncated = true};
    const auto byte = static_cast<unsigned char>(text[i]);
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (i == 1) {
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    }
    if (byte < low || byte > high) return {.length = i};
  }
  return {.length = length, .well_formed = true};
}

// Returns the length of the ASCII run at the start of `text`, eight bytes at a time.
size_t AsciiPrefix(absl::string_view text) {
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + i, sizeof(word));
    if ((word & 0x8080808080808080ULL) != 0) break;
  }
  while (i < text.size() && static_cast<unsigned char>(text[i]) < 0x80) ++i;
  return i;
}

}  // namespace

int64_t ValidUtf8Prefix(absl::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    i += AsciiPrefix(text.substr(i));
    if (i == text.size()) break;
    const Scan scan = ScanCharacter(text.substr(i));
    if (!scan.well_formed) break;
    i += scan.length;
  }
  return static_cast<int64_t>(i);
}

absl::Status CheckUtf8(absl::string_view text) {
  const int64_t offset = ValidUtf8Prefix(text);
  if (offset == static_cast<int64_t>(text.size())) return absl::OkStatus();
  const auto byte = static_cast<unsigned char>(text[static_cast<size_t>(offset)]);
  return MakeError(
      absl::StatusCode::kInvalidArgument, "TEXT_NOT_UTF8",
      {.what = absl::StrCat("text: byte 0x", absl::Hex(byte, absl::kZeroPad2), " at offset ",
                            offset, "; must be UTF-8"),
       .why = "another encoding would train and score on characters the text does not hold",
       .fix = "convert the text, for instance with 'iconv -t UTF-8'",
       .metadata = {{"offset", absl::StrCat(offset)}}});
}

std::string ReplaceInvalidUtf8(absl::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto valid = static_cast<size_t>(ValidUtf8Prefix(text));
    result.append(text.data(), valid);
    text.remove_prefix(valid);
    if (text.empty()) break;
    result.append("\xEF\xBF\xBD");
    text.remove_prefix(ScanCharacter(text).length);
  }
  return result;
}

int64_t IncompleteUtf8Suffix(absl::string_view text) {
  const size_t longest = std::min<size_t>(3, text.size());
  for (size_t length = 1; length <= longest; ++length) {
    const absl::string_view suffix = text.substr(text.size() - length);
    if (IsContinuation(static_cast<unsigned char>(suffix[0]))) continue;
    const Scan scan = ScanCharacter(suffix);
    return scan.truncated && scan.length == length ? static_cast<int64_t>(length) : 0;
  }
  return 0;
}

int64_t CountCharacters(absl::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return !IsContinuation(static_cast<unsigned char>(c)); });
}

int64_t CharacterPrefixBytes(absl::string_view text, int64_t characters) {
  size_t i = 0;
  while (i < text.size()) {
    if (!IsContinuation(static_cast<unsigned char>(text[i])) && characters-- == 0) break;
    ++i;
  }
  return static_cast<int64_t>(i);
}

}  // namespace kalavai

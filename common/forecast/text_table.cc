#include "common/forecast/text_table.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/base/utf8.h"

namespace kalavai {
namespace {

// Code points of UTF-8: bytes that do not continue one.
size_t Width(absl::string_view cell) {
  return static_cast<size_t>(std::count_if(cell.begin(), cell.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

// Whether a character of UTF-8 is shown as it is.
bool IsHarmless(absl::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0) >= 0x20 && byte(0) != 0x7F;
  if (character.size() == 2) return byte(0) != 0xC2 || byte(1) >= 0xA0;  // C1
  if (character.size() != 3 || byte(0) != 0xE2) return true;
  const unsigned last = byte(2);
  if (byte(1) == 0x80) {  // U+200E, U+200F, U+2028 to U+202E
    return last != 0x8E && last != 0x8F && (last < 0xA8 || last > 0xAE);
  }
  return byte(1) != 0x81 || last < 0xA6 || last > 0xA9;  // U+2066 to U+2069
}

}  // namespace

std::string ShownName(absl::string_view name, int64_t characters) {
  // Never more than four bytes a character: a name of megabytes is not read to its end.
  const std::string valid =
      ReplaceInvalidUtf8(name.substr(0, static_cast<size_t>(4 * (characters + 1))));
  std::string shown;
  absl::string_view rest = valid;
  for (int64_t k = 0; k < characters && !rest.empty(); ++k) {
    const auto bytes = static_cast<size_t>(CharacterPrefixBytes(rest, 1));
    const absl::string_view character = rest.substr(0, bytes);
    absl::StrAppend(&shown, IsHarmless(character) ? character : "?");
    rest.remove_prefix(bytes);
  }
  return rest.empty() ? shown : absl::StrCat(shown, "…");
}

std::string FormatTable(std::span<const std::vector<std::string>> rows) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], Width(row[c]));
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string blank(widths[c] - Width(row[c]), ' ');
      if (c == 0) absl::StrAppend(&line, row[c], blank);
      if (c > 0) absl::StrAppend(&line, "  ", blank, row[c]);
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

}  // namespace kalavai

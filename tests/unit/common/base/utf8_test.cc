// Goal: UTF-8 is judged by Unicode's tables, and ill-formed bytes are found, replaced and held back
// at the right place.
// Method: tables of boundary cases from Unicode 15 §3.9, tables 3-7 and 3-8.
#include "common/base/utf8.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

using std::string_literals::operator""s;

TEST_CASE("Ill-formed UTF-8 is found at its first byte and replaced part by part") {
  struct Row {
    std::string text;
    int64_t valid;
    std::string replaced;
  };
  const std::string r = "\xEF\xBF\xBD";
  const std::vector<Row> rows = {
      {"", 0, ""},
      {"plain ASCII, longer than a word", 31, "plain ASCII, longer than a word"},
      {"a\0b"s, 3, "a\0b"s},
      {"\xC3\xA9", 2, "\xC3\xA9"},
      {"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF", 10, "\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF"},
      {"12345678\x80", 8, "12345678" + r},
      {"a\xC0\xAF", 1, "a" + r + r},                  // overlong
      {"a\xE0\x80\xAF", 1, "a" + r + r + r},          // overlong
      {"a\xED\xA0\x80", 1, "a" + r + r + r},          // surrogate
      {"a\xF4\x90\x80\x80", 1, "a" + r + r + r + r},  // above U+10FFFF
      {"a\xF5z", 1, "a" + r + "z"},
      {"a\xE2\x82z", 1, "a" + r + "z"},  // one maximal part
      {"a\xF0\x9F\x98", 1, "a" + r},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", 0, r + r + r + r + "A"},  // table 3-11's kind
  };
  for (const Row& row : rows) {
    INFO(row.replaced);
    REQUIRE(ValidUtf8Prefix(row.text) == row.valid);
    REQUIRE(ReplaceInvalidUtf8(row.text) == row.replaced);
    const bool valid = row.valid == static_cast<int64_t>(row.text.size());
    REQUIRE(CheckUtf8(row.text).ok() == valid);
  }
}

TEST_CASE("The error names the byte offset") {
  const absl::Status status = CheckUtf8("ab\xFF");
  REQUIRE_STATUS(status, absl::StatusCode::kInvalidArgument, "TEXT_NOT_UTF8");
  REQUIRE(GetErrorDetail(status)->text.metadata.at("offset") == "2");
}

TEST_CASE("A suffix is incomplete only while more bytes could complete it") {
  const std::vector<std::pair<std::string, int64_t>> rows = {
      {"", 0},
      {"a", 0},
      {"\xC3", 1},
      {"a\xE2", 1},
      {"a\xE2\x82", 2},
      {"\xE2\x82\xAC", 0},
      {"\xF0\x9F\x98", 3},
      {"\xF0\x9F\x98\x80", 0},
      {"\xC0", 0},
      {"\xED\xA0", 0},
      {"\x80\x80\x80", 0},
      {"\xE2\x82\xAC\xE2", 1},
  };
  for (const auto& [text, length] : rows) {
    INFO(text);
    REQUIRE(IncompleteUtf8Suffix(text) == length);
  }
}

TEST_CASE("Characters are code points") {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
  REQUIRE(CountCharacters(text) == 4);
  REQUIRE(CharacterPrefixBytes(text, 0) == 0);
  REQUIRE(CharacterPrefixBytes(text, 2) == 3);
  REQUIRE(CharacterPrefixBytes(text, 3) == 6);
  REQUIRE(CharacterPrefixBytes(text, 9) == 10);
}

}  // namespace
}  // namespace kalavai

// Goal: lines, and ids in lines, are read as documented, and mistakes are named with their place.
// Method: tables of texts and of bad lines; a directory beside a file.
#include "contributor/tokenizer/text_lines.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai::contributor {
namespace {

std::unique_ptr<Tokenizer> Golden() {
  auto tokenizer = LoadTokenizer(std::string(KALAVAI_GOLDEN_DIR) + "/tokenizer/neox.json");
  REQUIRE_OK(tokenizer);
  return *std::move(tokenizer);
}

TEST_CASE("LF alone ends a line, and a final one begins none") {
  using Lines = std::vector<absl::string_view>;
  REQUIRE(LinesOf("") == Lines{});
  REQUIRE(LinesOf("\n") == Lines{""});
  REQUIRE(LinesOf("a") == Lines{"a"});
  REQUIRE(LinesOf("a\n") == Lines{"a"});
  REQUIRE(LinesOf("a\n\nb") == Lines{"a", "", "b"});
  REQUIRE(LinesOf("a\r\nb\u2028c\x0B\x0C\u0085d\n\n") ==
          Lines{"a\r", "b\u2028c\x0B\x0C\u0085d", ""});
  REQUIRE(LinesOf(absl::string_view("a\0b\n", 4)) == Lines{absl::string_view("a\0b", 3)});
}

TEST_CASE("Text that is no UTF-8 is refused with its place in the file") {
  REQUIRE_OK(CheckText("a\u00e9\n", "f.txt"));
  const absl::Status status = CheckText("ab\ncd\n\xE2\x82", "f.txt");
  REQUIRE_STATUS(status, absl::StatusCode::kInvalidArgument, "TEXT_NOT_UTF8");
  REQUIRE(GetErrorDetail(status)->text.metadata.at("offset") == "6");
  REQUIRE(GetErrorDetail(status)->text.metadata.at("line") == "3");
}

TEST_CASE("Ids are decimal numbers with blanks between") {
  const auto tokenizer = Golden();
  for (const std::string line : {"1 2 3", " 1\t2  3 ", "1 2 3\r", "01 002 3"}) {
    REQUIRE_OK_AND_ASSIGN(const auto ids, ParseTokenIds(line, *tokenizer, "ids", 1));
    REQUIRE(ids == std::vector<int32_t>{1, 2, 3});
  }
  REQUIRE_OK_AND_ASSIGN(const auto none, ParseTokenIds("", *tokenizer, "ids", 1));
  REQUIRE(none.empty());
}

TEST_CASE("A word that is no id is refused with line and column") {
  const auto tokenizer = Golden();
  struct Row {
    std::string line;
    std::string column;
  };
  const std::vector<Row> rows = {
      {"1 x", "3"},          {"-1", "1"},    {"+1", "1"},   {"1,2", "1"},
      {"1 2 99999999", "5"}, {"1.0", "1"},   {"0x10", "1"}, {"9999999999999", "1"},
      {"1 \xFF", "3"},       {"\u0663", "1"}};
  for (const Row& row : rows) {
    INFO(row.line);
    const auto ids = ParseTokenIds(row.line, *tokenizer, "ids", 7);
    REQUIRE_STATUS(ids, absl::StatusCode::kInvalidArgument, "TOKEN_ID_INVALID");
    const auto metadata = GetErrorDetail(ids.status())->text.metadata;
    REQUIRE(metadata.at("line") == "7");
    REQUIRE(metadata.at("column") == row.column);
  }
}

TEST_CASE("A tokenizer is a file, or lies in a checkpoint directory") {
  REQUIRE_STATUS(LoadTokenizer("/nonexistent"), absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
  const auto none = LoadTokenizer(std::string(KALAVAI_GOLDEN_DIR) + "/tokenizer");
  REQUIRE_STATUS(none, absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
  REQUIRE_STATUS(ReadInput("/nonexistent"), absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
}

}  // namespace
}  // namespace kalavai::contributor

// Goal: columns line up whatever is in them, and a foreign name cannot drive a terminal.
// Method: rows of different lengths, cells of more bytes than characters; names beside what is
// shown of them.
#include "common/forecast/text_table.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("The first column is left-aligned, the others right-aligned", "[forecast]") {
  const std::vector<std::vector<std::string>> rows = {
      {"", "loss", "x"}, {"tamil", "1.5"}, {"yorùbá", "12.25", ""}};
  CHECK(FormatTable(rows) ==
        "         loss  x\n"
        "tamil     1.5\n"
        "yorùbá  12.25\n");
  CHECK(FormatTable({}).empty());
  const std::vector<std::vector<std::string>> empty_row = {{}};
  CHECK(FormatTable(empty_row) == "\n");
}

TEST_CASE("A name is cut between characters and shows nothing that acts", "[forecast]") {
  struct Case {
    const char* name;
    int64_t characters;
    const char* shown;
  };
  const Case cases[] = {
      {"", 3, ""},
      {"abc", 3, "abc"},
      {"abcd", 3, "abc…"},
      {"yorùbá", 4, "yorù…"},
      {"தமிழ்", 5, "தமிழ்"},
      {"தமிழ்", 2, "தம…"},
      {"a\x1b[31m", 40, "a?[31m"},
      {"\xff!", 40, "\xef\xbf\xbd!"},
      {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 1, "\xf0\x9f\x98\x80…"},
      {"a\tb\nc\x7f", 40, "a?b?c?"},
      {"\xc2\x9b"
       "31m\xc2\xa0",
       40, "?31m\xc2\xa0"},
      {"\xe2\x80\xae"
       "abc\xe2\x81\xa6\xe2\x80\x8f\xe2\x80\xa8",
       40, "?abc???"},
      {"\xe2\x80\x94\xe2\x81\xaa\xe2\x82\xac", 40, "\xe2\x80\x94\xe2\x81\xaa\xe2\x82\xac"},
  };
  for (const Case& row : cases) {
    INFO(row.shown);
    CHECK(ShownName(row.name, row.characters) == row.shown);
  }
  CHECK(ShownName(std::string(100000, 'n')).size() == 40 + 3);
}

}  // namespace
}  // namespace kalavai

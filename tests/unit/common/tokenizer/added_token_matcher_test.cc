// Goal: at the leftmost place the longest token is found.
// Method: overlapping tokens in small texts.
#include "common/tokenizer/added_token_matcher.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("The leftmost match wins, then the longest") {
  const AddedTokenMatcher matcher({{"  ", 2}, {"    ", 4}, {"<a>", 7}, {"<a><b>", 8}, {"a>", 9}});
  struct Row {
    std::string text;
    size_t from;
    size_t begin;
    size_t end;
    int32_t id;
  };
  const std::vector<Row> rows = {
      {"x<a>", 0, 1, 4, 7},    {"<a><b>", 0, 0, 6, 8}, {"<a><", 0, 0, 3, 7},
      {"<a>", 1, 1, 3, 9},     {"x   y", 0, 1, 3, 2},  {"x     y", 0, 1, 5, 4},
      {"x     y", 5, 7, 7, 0}, {"", 0, 0, 0, 0},       {"nothing <", 0, 9, 9, 0},
  };
  for (const Row& row : rows) {
    INFO(row.text << " from " << row.from);
    const AddedTokenMatcher::Match match = matcher.Find(row.text, row.from);
    REQUIRE(match.begin == row.begin);
    REQUIRE(match.end == row.end);
    REQUIRE(match.id == row.id);
  }
  REQUIRE(AddedTokenMatcher({}).Find("<a>", 0).begin == 3);
}

}  // namespace
}  // namespace kalavai

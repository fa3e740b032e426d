// Goal: added tokens are cut out as Hugging Face's `AddedVocabulary` does it.
// Method: tables of texts and what they fall into, with tokens that overlap, begin alike and strip
// white space.
#include "common/tokenizer/added_token_matcher.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

std::string Cut(const AddedTokenMatcher& matcher, const std::string& text) {
  std::string parts;
  matcher.Cut(
      text, [&](int32_t id) { absl::StrAppend(&parts, "<", id, ">"); },
      [&](absl::string_view gap) { absl::StrAppend(&parts, "[", gap, "]"); });
  return parts;
}

TEST_CASE("At the leftmost place the longest token wins") {
  const AddedTokenMatcher matcher(
      std::vector<AddedTokenMatcher::Token>{{.content = "ab", .id = 1},
                                            {.content = "abcd", .id = 2},
                                            {.content = "bcdef", .id = 3},
                                            {.content = "x", .id = 4},
                                            {.content = "\u00e9", .id = 5}});
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", ""},
      {"none", "[none]"},
      {"ab", "<1>"},
      {"abc", "<1>[c]"},
      {"abcdef", "<2>[ef]"},
      {"bcdef", "<3>"},
      {"xabx", "<4><1><4>"},
      {"aab", "[a]<1>"},
      {"bcde abab", "[bcde ]<1><1>"},
      {"a\u00e9\u00e8", "[a]<5>[\u00e8]"}};
  for (const auto& [text, parts] : rows) {
    INFO(text);
    REQUIRE(Cut(matcher, text) == parts);
  }
}

TEST_CASE("A token that strips takes the white space beside it, once") {
  const AddedTokenMatcher matcher(
      std::vector<AddedTokenMatcher::Token>{{.content = "<l>", .id = 1, .strip_left = true},
                                            {.content = "<r>", .id = 2, .strip_right = true}});
  const std::vector<std::pair<std::string, std::string>> rows = {{"a <l> b", "[a]<1>[ b]"},
                                                                 {"a <r>\u3000\t b", "[a ]<2>[b]"},
                                                                 {"<r>  <l>x", "<2><1>[x]"},
                                                                 {" \u00a0<l>", "<1>"},
                                                                 {"a\u200b<l>", "[a\u200b]<1>"}};
  for (const auto& [text, parts] : rows) {
    INFO(text);
    REQUIRE(Cut(matcher, text) == parts);
  }
}

TEST_CASE("Without tokens the text is one gap") {
  REQUIRE(Cut(AddedTokenMatcher({}), "ab") == "[ab]");
  REQUIRE(Cut(AddedTokenMatcher({}), "").empty());
}

}  // namespace
}  // namespace kalavai

// Goal: a typing mistake finds its word, a foreign word finds none.
// Method: a table.
#include "common/cli/nearest.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("The nearest known word is found within a third of its letters", "[cli]") {
  const std::vector<std::string> words = {"join",   "fetch",       "train",
                                          "submit", "--workspace", "--format"};
  const std::vector<std::pair<std::string, std::string>> rows = {{"jion", "join"},
                                                                 {"fetsh", "fetch"},
                                                                 {"trian", "train"},
                                                                 {"submt", "submit"},
                                                                 {"--worksapce", "--workspace"},
                                                                 {"--fromat", "--format"},
                                                                 {"withdraw", ""},
                                                                 {"x", ""},
                                                                 {std::string(1000, 'a'), ""}};
  for (const auto& [typed, expected] : rows) {
    INFO(typed);
    CHECK(NearestWord(typed, words) == expected);
  }
  CHECK(NearestWord("join", {}).empty());
}

}  // namespace
}  // namespace kalavai

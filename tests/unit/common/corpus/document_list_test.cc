// Goal: a list of documents is read in one way only, and comes back as it was written.
// Method: a round trip, then a table of lists with one thing wrong.
#include "common/corpus/document_list.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("A list of documents comes back, sorted, each once", "[corpus]") {
  const std::string text =
      FormatDocumentList({MakeDocument("b"), MakeDocument("a"), MakeDocument("b")});
  REQUIRE_OK_AND_ASSIGN(const std::vector<Digest> digests, ParseDocumentList(text));
  REQUIRE(digests.size() == 2);
  CHECK(std::is_sorted(digests.begin(), digests.end()));
  CHECK(std::find(digests.begin(), digests.end(), Sha256Of("a")) != digests.end());
  CHECK(FormatDocumentList({}).empty());
}

TEST_CASE("A list that is not exactly in form is refused with its line", "[corpus]") {
  const std::string one = std::string(64, '1') + "\n";
  const std::string two = std::string(64, '2') + "\n";
  const struct {
    const char* what;
    std::string text;
    const char* line;
  } cases[] = {
      {"empty", "", "line 1"},
      {"no newline at the end", one + std::string(64, '2'), "line 2"},
      {"a short line", one + "2222\n", "line 2"},
      {"descending", two + one, "line 2"},
      {"twice", one + two + two, "line 3"},
      {"upper case", std::string(64, 'A') + "\n", "line 1"},
      {"not hexadecimal", std::string(64, 'g') + "\n", "line 1"},
      {"an empty line", one + "\n" + two, "line 2"},
      {"carriage returns", std::string(64, '1') + "\r\n", "line 1"},
      {"a document instead of its digest", "It is a truth universally acknowledged\n", "line 1"},
  };
  for (const auto& bad : cases) {
    INFO(bad.what);
    const auto parsed = ParseDocumentList(bad.text);
    REQUIRE_STATUS(parsed, absl::StatusCode::kInvalidArgument, "REPORT_INVALID");
    CHECK(std::string(parsed.status().message()).find(bad.line) != std::string::npos);
  }
}

}  // namespace
}  // namespace kalavai

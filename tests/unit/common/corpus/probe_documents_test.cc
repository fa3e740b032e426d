// Goal: the two parts of probe text never overlap, and are the same wherever they are made.
// Method: the same documents in another order and twice; texts that cannot be split.
#include "common/corpus/probe_documents.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

// JSON lines: one document each, so that the order of documents is the order of lines.
std::vector<std::string> Lines(int count) {
  std::vector<std::string> lines;
  for (int i = 0; i < count; ++i) lines.push_back(absl::StrCat("{\"text\":\"document ", i, "\"}"));
  return lines;
}

std::set<std::string> Texts(const std::vector<Document>& documents) {
  std::set<std::string> texts;
  for (const Document& document : documents) texts.insert(document.text);
  return texts;
}

TEST_CASE("The parts depend on the documents alone and share none") {
  std::vector<std::string> lines = Lines(40);
  REQUIRE_OK_AND_ASSIGN(const DocumentSplit split,
                        SplitProbeText(absl::StrJoin(lines, "\n"), "law", "jsonl"));
  CHECK(split.first.size() + split.second.size() == 40);
  CHECK(split.first.size() >= 8);
  CHECK(split.second.size() >= 8);
  for (const std::string& text : Texts(split.first)) CHECK(!Texts(split.second).contains(text));

  std::reverse(lines.begin(), lines.end());
  lines.push_back(lines.front());  // a duplicate changes nothing
  REQUIRE_OK_AND_ASSIGN(const DocumentSplit again,
                        SplitProbeText(absl::StrJoin(lines, "\n"), "sea", "jsonl"));
  CHECK(Texts(again.first) == Texts(split.first));
  CHECK(Texts(again.second) == Texts(split.second));
  CHECK(again.first.size() + again.second.size() == 40);
}

TEST_CASE("Two documents are enough, whatever their hashes") {
  for (int i = 0; i < 20; ++i) {
    const std::string text = absl::StrCat("{\"text\":\"a", i, "\"}\n{\"text\":\"b", i, "\"}\n");
    REQUIRE_OK_AND_ASSIGN(const DocumentSplit split, SplitProbeText(text, "law", "jsonl"));
    CHECK(split.first.size() == 1);
    CHECK(split.second.size() == 1);
  }
}

TEST_CASE("Text that cannot be split is refused with a reason") {
  struct Case {
    const char* bytes;
    const char* format;
    const char* reason;
  };
  const Case cases[] = {
      {"", "txt", "TEXT_EMPTY"},
      {" \n\n \n", "txt", "TEXT_EMPTY"},
      {"only one paragraph", "txt", "TEXT_EMPTY"},
      {"{\"text\":\"same\"}\n{\"text\":\"same\"}", "jsonl", "TEXT_EMPTY"},
      {"caf\xE9\n\nsecond", "txt", "TEXT_NOT_UTF8"},
      {"{\"text\":\"a\"}\n{\"text\":", "jsonl", "JSON_INVALID"},
      {"{\"words\":\"a\"}\n{\"words\":\"b\"}", "jsonl", "JSON_INVALID"},
      {"a\n\nb", "pdf", "FILE_TYPE_UNSUPPORTED"},
  };
  for (const Case& bad : cases) {
    INFO(bad.bytes << " as " << bad.format);
    REQUIRE_STATUS(SplitProbeText(bad.bytes, "law", bad.format), absl::StatusCode::kInvalidArgument,
                   bad.reason);
  }
}

}  // namespace
}  // namespace kalavai

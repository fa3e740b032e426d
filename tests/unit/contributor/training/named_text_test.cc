// Goal: NAME=PATH is split at the first '='; a directory stands for its texts in order; mistakes
// are answered with an example of the person's own words. Method: small directories, a table.
#include "contributor/training/named_text.h"

#include <filesystem>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::contributor {
namespace {

using kalavai::testing::TempDir;
using kalavai::testing::WriteFile;

TEST_CASE("A file is taken as it is, of a directory the texts by name", "[training]") {
  const TempDir directory;
  for (const char* name : {"b.txt", "a.jsonl", "C.txt", "notes.md", "a.txt.bak"}) {
    WriteFile(directory.File(name), "text");
  }
  std::filesystem::create_directories(directory.File("sub.txt"));
  REQUIRE_OK_AND_ASSIGN(
      const std::vector<NamedText> texts,
      ParseNamedTexts({"one=" + directory.File("notes.md"), "all=" + directory.path()}));
  REQUIRE(texts.size() == 2);
  CHECK(texts[0].name == "one");
  CHECK(texts[0].files == std::vector<std::string>{directory.File("notes.md")});
  CHECK(texts[1].files == std::vector<std::string>{directory.File("C.txt"),
                                                   directory.File("a.jsonl"),
                                                   directory.File("b.txt")});
}

TEST_CASE("A path may hold further equals signs", "[training]") {
  const TempDir directory;
  WriteFile(directory.File("x=1.txt"), "text");
  REQUIRE_OK_AND_ASSIGN(const auto texts, ParseNamedTexts({"n=" + directory.File("x=1.txt")}));
  CHECK(texts[0].files[0] == directory.File("x=1.txt"));
}

TEST_CASE("Entries that name nothing are refused with an example", "[training]") {
  const TempDir directory;
  const std::string empty = directory.File("empty");
  std::filesystem::create_directories(empty);
  struct Row {
    std::vector<std::string> entries;
    std::string reason, in_fix;
  };
  const std::vector<Row> rows = {
      {{"texts/law.txt"}, "USAGE", "--data law=texts/law.txt"},
      {{"=law.txt"}, "USAGE", "--data law=law.txt"},
      {{"law="}, "USAGE", "--data legal=judgments.jsonl"},
      {{""}, "USAGE", "--data legal=judgments.jsonl"},
      {{"a=x.txt", "a=y.txt"}, "USAGE", "--data a-2=y.txt"},
      {{"\xff=x.txt"}, "USAGE", "another name"},
      {{"a=" + directory.File("absent.txt")}, "FILE_NOT_FOUND", ""},
      {{"a=" + empty}, "TEXT_EMPTY", ""},
  };
  for (const Row& row : rows) {
    const auto texts = ParseNamedTexts(row.entries);
    INFO(texts.status());
    CHECK(GetErrorReason(texts.status()) == row.reason);
    CHECK(GetErrorDetail(texts.status())->text.fix.find(row.in_fix) != std::string::npos);
  }
}

}  // namespace
}  // namespace kalavai::contributor

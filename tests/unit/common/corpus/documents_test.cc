// Goal: files become the documents their format says, and a document never lies on both sides.
// Method: small files with their documents in a table; bad files; splits of a thousand documents.
#include "common/corpus/documents.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

std::vector<std::string> Texts(const std::vector<Document>& documents) {
  std::vector<std::string> texts;
  for (const Document& document : documents) {
    REQUIRE(document.digest == Sha256Of(document.text));
    texts.push_back(document.text);
  }
  return texts;
}

std::vector<Document> Numbered(int count) {
  std::vector<Document> documents;
  for (int i = 0; i < count; ++i) documents.push_back(MakeDocument(absl::StrCat("document ", i)));
  return documents;
}

std::string Repeated(const std::string& text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

TEST_CASE("Paragraphs are joined up to the limit of characters and never beyond") {
  const std::string tamil = "\u0ba4";  // three bytes
  const std::string a = Repeated("a", 3000);
  const std::vector<std::pair<std::string, std::vector<std::string>>> rows = {
      {"", {}},
      {" \n\t\n", {}},
      {"one", {"one"}},
      {"one\ntwo\n\n\n  three \r\n \r\nfour\n", {"one\ntwo\n\n  three\n\nfour"}},
      {a + "\n\n" + Repeated("b", 2998), {a + "\n\n" + Repeated("b", 2998)}},
      {a + "\n\n" + Repeated("b", 2999), {a, Repeated("b", 2999)}},
      {Repeated(tamil, 6000), {Repeated(tamil, 6000)}},
      {"x\n\n" + Repeated(tamil, 12001) + "\n\ny",
       {"x", Repeated(tamil, 6000), Repeated(tamil, 6000), tamil + "\n\ny"}},
  };
  for (const auto& [text, documents] : rows) {
    INFO(text.substr(0, 100));
    REQUIRE(Texts(DocumentsOfText(text)) == documents);
    for (const std::string& document : documents) {
      REQUIRE(CountCharacters(document) <= limits::kDocumentCharactersMax);
    }
  }
}

TEST_CASE("Whole texts are what stands in the file") {
  const testing::TempDir directory;
  const auto read = [&](const std::string& name, const std::string& bytes) {
    testing::WriteFile(directory.File(name), bytes);
    return ReadWholeTexts(directory.File(name));
  };
  REQUIRE_OK_AND_ASSIGN(const auto text, read("a.txt", "\xEF\xBB\xBFone \r\n\n\n two\n\n"));
  REQUIRE(Texts(text) == std::vector<std::string>{"one \r\n\n\n two\n\n"});
  REQUIRE_OK_AND_ASSIGN(
      const auto lines,
      read("a.jsonl", "{\"text\":\"x\\n\"}\n\n{\"text\":\"\"}\n{\"text\":\"y\"}"));
  REQUIRE(Texts(lines) == std::vector<std::string>{"x\n", "", "y"});
  const auto invalid = absl::StatusCode::kInvalidArgument;
  REQUIRE_STATUS(read("b.txt", " \n\t\n"), invalid, "TEXT_EMPTY");
  REQUIRE_STATUS(read("b.jsonl", "{\"text\":\" \"}\n"), invalid, "TEXT_EMPTY");
  REQUIRE_STATUS(read("c.txt", "abc\xE9"), invalid, "TEXT_NOT_UTF8");
  REQUIRE_STATUS(read("c.md", "text"), invalid, "FILE_TYPE_UNSUPPORTED");
}

TEST_CASE("Files are read in order, with or without a byte-order mark") {
  const testing::TempDir directory;
  testing::WriteFile(directory.File("a.txt"), "\xEF\xBB\xBFplain\n");
  testing::WriteFile(directory.File("b.jsonl"),
                     "{\"text\":\"one\\n\\ntwo\",\"id\":7}\n\n{\"text\":\" \"}\r\n"
                     "{\"text\":\"d\\u00e9\"}");
  const std::vector<std::string> paths = {directory.File("b.jsonl"), directory.File("a.txt")};
  REQUIRE_OK_AND_ASSIGN(const auto documents, ReadDocuments(paths));
  REQUIRE(Texts(documents) == std::vector<std::string>{"one\n\ntwo", "d\u00e9", "plain"});
}

TEST_CASE("A bad file is refused with its name and the place") {
  struct Row {
    std::string name;
    std::string bytes;
    std::string reason;
    std::string key;
    std::string value;
  };
  const std::vector<Row> rows = {
      {"a.txt", "ab\n\xFFz", "TEXT_NOT_UTF8", "offset", "3"},
      {"a.jsonl", "{\"text\":\"a\"}\n{\"text\":\"\xC0\"}\n", "TEXT_NOT_UTF8", "offset", "22"},
      {"b.jsonl", "{\"text\":\"a\"}\nnot json\n", "JSON_INVALID", "line", "2"},
      {"b.jsonl", "{\"text\":\"a\"}\n{\"body\":\"a\"}\n", "JSON_INVALID", "line", "2"},
      {"b.jsonl", "{\"text\":7}", "JSON_INVALID", "line", "1"},
      {"b.jsonl", "[\"a\"]", "JSON_INVALID", "line", "1"},
      {"c.txt", "", "TEXT_EMPTY", "file", ""},
      {"c.txt", " \n\n", "TEXT_EMPTY", "file", ""},
      {"c.jsonl", "\n{\"text\":\"\"}\n", "TEXT_EMPTY", "file", ""},
      {"d.pdf", "text", "FILE_TYPE_UNSUPPORTED", "file", ""},
      {"TXT", "text", "FILE_TYPE_UNSUPPORTED", "file", ""},
  };
  for (const Row& row : rows) {
    INFO(row.name << ": " << row.bytes);
    const testing::TempDir directory;
    const std::string path = directory.File(row.name);
    testing::WriteFile(path, row.bytes);
    const auto documents = ReadDocuments(path);
    REQUIRE_STATUS(documents, absl::StatusCode::kInvalidArgument, row.reason);
    const auto metadata = GetErrorDetail(documents.status())->text.metadata;
    REQUIRE(metadata.at("file") == path);
    REQUIRE(metadata.at(row.key) == (row.key == "file" ? path : row.value));
  }
  REQUIRE_STATUS(ReadDocuments(std::string("/nonexistent/a.txt")), absl::StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
}

TEST_CASE("Of equal documents the first stays") {
  std::vector<Document> documents;
  for (const char* text : {"b", "a", "b", "c", "a"}) documents.push_back(MakeDocument(text));
  REQUIRE(Texts(Deduplicate(documents)) == std::vector<std::string>{"b", "a", "c"});
}

TEST_CASE("A document falls on the same side whatever lies beside it") {
  const std::vector<Document> documents = Numbered(1000);
  const DocumentSplit all = SplitByHash(documents, kTrainingSplit, kTrainingShare);
  REQUIRE(all.first.size() > 860);
  REQUIRE(all.first.size() < 940);
  REQUIRE(all.first.size() + all.second.size() == 1000);
  const DocumentSplit some =
      SplitByHash({documents.begin(), documents.begin() + 300}, kTrainingSplit, kTrainingShare);
  std::set<Digest> first;
  for (const Document& document : all.first) first.insert(document.digest);
  for (const Document& document : all.second) REQUIRE_FALSE(first.contains(document.digest));
  for (const Document& document : some.first) REQUIRE(first.contains(document.digest));
  for (const Document& document : some.second) REQUIRE_FALSE(first.contains(document.digest));
}

TEST_CASE("Splits of different purposes are independent") {
  const DocumentSplit training = SplitByHash(Numbered(2000), kTrainingSplit, 0.5);
  const DocumentSplit both = SplitByHash(training.first, kProbeSplit, kRouterShare);
  const double share =
      static_cast<double>(both.first.size()) / static_cast<double>(training.first.size());
  REQUIRE_NEAR(share, 0.5, 0.06);
}

TEST_CASE("Two distinct documents never lie on one side, equal ones always do") {
  for (int i = 0; i < 50; ++i) {
    const std::vector<Document> two = {MakeDocument(absl::StrCat("a", i)),
                                       MakeDocument(absl::StrCat("b", i))};
    for (const double share : {0.001, 0.9, 0.999}) {
      const DocumentSplit split = SplitByHash(two, kTrainingSplit, share);
      REQUIRE(split.first.size() == 1);
      REQUIRE(split.second.size() == 1);
    }
  }
  const DocumentSplit same =
      SplitByHash({MakeDocument("a"), MakeDocument("a")}, kTrainingSplit, 0.5);
  REQUIRE(same.first.size() + same.second.size() == 2);
  REQUIRE(same.first.empty() != same.second.empty());
}

}  // namespace
}  // namespace kalavai

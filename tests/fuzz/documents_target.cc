#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/corpus/documents.h"
#include "tests/fuzz/fuzz_targets.h"

namespace kalavai::fuzz {
namespace {

std::string WithoutBlanks(absl::string_view text) {
  std::string rest(text);
  rest.erase(
      std::remove_if(rest.begin(), rest.end(),
                     [](char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }),
      rest.end());
  return rest;
}

void CheckSplit(std::vector<Document> documents) {
  documents = Deduplicate(std::move(documents));
  const size_t count = documents.size();
  const DocumentSplit split = SplitByHash(std::move(documents), kTrainingSplit, kTrainingShare);
  KALAVAI_CHECK(split.first.size() + split.second.size() == count, "no document is lost");
  KALAVAI_CHECK(count < 2 || (!split.first.empty() && !split.second.empty()), "no side is empty");
}

}  // namespace

void FuzzDocuments(absl::string_view input) {
  const bool json_lines = input.substr(0, 1) == "j";
  const absl::string_view bytes = input.substr(std::min<size_t>(1, input.size()));
  auto documents = ParseDocuments(bytes, json_lines ? "a.jsonl" : "a.txt");
  if (!documents.ok()) {
    const std::string reason = GetErrorReason(documents.status());
    KALAVAI_CHECK(reason == "TEXT_NOT_UTF8" || reason == "TEXT_EMPTY" || reason == "JSON_INVALID" ||
                      reason == "FILE_TOO_LARGE",
                  "a refusal has its reason");
    return;
  }
  std::string joined;
  for (const Document& document : *documents) {
    KALAVAI_CHECK(CheckUtf8(document.text).ok(), "a document is text");
    KALAVAI_CHECK(!WithoutBlanks(document.text).empty(), "a document says something");
    KALAVAI_CHECK(document.digest == Sha256Of(document.text), "its digest is its own");
    KALAVAI_CHECK(json_lines || CountCharacters(document.text) <= limits::kDocumentCharactersMax,
                  "a document of a .txt is bounded");
    joined += WithoutBlanks(document.text);
  }
  KALAVAI_CHECK(!documents->empty(), "some document is left");
  KALAVAI_CHECK(json_lines || joined == WithoutBlanks(bytes), "no text is lost");
  CheckSplit(*std::move(documents));
}

}  // namespace kalavai::fuzz

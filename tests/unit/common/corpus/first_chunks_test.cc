// Goal: taking the first chunks gives the beginning of packing everything, whatever the order of
// the documents. Method: limits below, at and above what there is; long and short documents.
#include "common/corpus/first_chunks.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/tokenizer/tokenizer_trainer.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("The first chunks are a prefix of all chunks", "[corpus]") {
  // Merges make about one token of 40 bytes: the first guess of five bytes a token is far too low.
  const std::string word(40, 'x');
  std::string many;
  for (int i = 0; i < 50; ++i) absl::StrAppend(&many, " ", word);
  const std::vector<absl::string_view> texts = {many};
  REQUIRE_OK_AND_ASSIGN(const std::string json, TrainTokenizer(texts, 300));
  REQUIRE_OK_AND_ASSIGN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Parse(json));
  std::vector<Document> documents;
  for (int i = 0; i < 60; ++i) documents.push_back(MakeDocument(absl::StrCat(i, many)));

  REQUIRE_OK_AND_ASSIGN(const TokenChunks all, FirstChunks(*tokenizer, documents, 16, 0));
  REQUIRE(all.count() > 20);
  std::reverse(documents.begin(), documents.end());
  for (const int64_t limit : {int64_t{1}, int64_t{20}, all.count(), all.count() + 5}) {
    REQUIRE_OK_AND_ASSIGN(const TokenChunks some, FirstChunks(*tokenizer, documents, 16, limit));
    REQUIRE(some.count() == std::min(limit, all.count()));
    REQUIRE(std::equal(some.tokens.begin(), some.tokens.end(), all.tokens.begin()));
  }
}

}  // namespace
}  // namespace kalavai

// Goal: the first chunks are the beginning of packing everything, whatever the order of the
// documents; spread chunks are chunks of it, in order, and reach every part of the text.
// Method: limits below, at and above what there is; long and short documents.
#include "common/corpus/chunk_selection.h"

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

TEST_CASE("Spread chunks lie at equal distances over the text, whatever the documents' order",
          "[corpus]") {
  const std::vector<absl::string_view> texts = {"abcdefghijklmnopqrstuvwxyz 0123456789"};
  REQUIRE_OK_AND_ASSIGN(const std::string json, TrainTokenizer(texts, 260));
  REQUIRE_OK_AND_ASSIGN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Parse(json));
  std::vector<Document> documents;  // of ten chunks each
  for (int i = 0; i < 30; ++i) {
    std::string text = absl::StrCat(1000 + i, " ");
    while (text.size() < 159) absl::StrAppend(&text, "w", i, "x", text.size(), " ");
    documents.push_back(MakeDocument(text.substr(0, 159)));
  }
  REQUIRE_OK_AND_ASSIGN(const TokenChunks all, FirstChunks(*tokenizer, documents, 16, 0));
  REQUIRE(all.count() > 200);
  std::reverse(documents.begin(), documents.end());

  for (const int64_t limit : {int64_t{0}, all.count(), all.count() + 5}) {
    REQUIRE_OK_AND_ASSIGN(const TokenChunks spread, SpreadChunks(*tokenizer, documents, 16, limit));
    REQUIRE(spread.tokens == all.tokens);
  }
  for (const int64_t limit : {int64_t{20}, int64_t{30}, all.count() - 1}) {
    REQUIRE_OK_AND_ASSIGN(const TokenChunks spread, SpreadChunks(*tokenizer, documents, 16, limit));
    REQUIRE(spread.count() == limit);
    int64_t place = -1;
    int64_t furthest = 0;
    for (int64_t i = 0; i < limit; ++i) {
      const auto wanted = spread.chunk(i);
      int64_t found = place + 1;
      while (found < all.count() &&
             !std::equal(wanted.begin(), wanted.end(), all.chunk(found).begin())) {
        ++found;
      }
      REQUIRE(found < all.count());
      furthest = std::max(furthest, found - place);
      place = found;
    }
    REQUIRE(furthest <= all.count() / limit + 1);
    REQUIRE(place >= all.count() - all.count() / limit - 1);
  }
}

TEST_CASE("Spread chunks encode a bounded part of a long text", "[corpus]") {
  const std::vector<absl::string_view> texts = {"abcdefghijklmnopqrstuvwxyz 0123456789"};
  REQUIRE_OK_AND_ASSIGN(const std::string json, TrainTokenizer(texts, 260));
  REQUIRE_OK_AND_ASSIGN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Parse(json));
  std::vector<Document> documents;
  for (int i = 0; i < 100; ++i) documents.push_back(MakeDocument(absl::StrCat("n", i, "abcdefgh")));
  REQUIRE_OK_AND_ASSIGN(const TokenChunks first,
                        FirstChunks(*tokenizer, documents, 4, kSpread * 2));
  REQUIRE_OK_AND_ASSIGN(const TokenChunks spread, SpreadChunks(*tokenizer, documents, 4, 2));
  REQUIRE(spread.count() == 2);
  REQUIRE(
      std::equal(spread.chunk(0).begin(), spread.chunk(0).end(), first.chunk(kSpread / 2).begin()));
  REQUIRE(std::equal(spread.chunk(1).begin(), spread.chunk(1).end(),
                     first.chunk(kSpread + kSpread / 2).begin()));
}

}  // namespace
}  // namespace kalavai

// Goal: no held-out document is ever trained on; little text is refused or warned of; the same
// documents give the same dataset.
// Method: invented documents, packed and decoded again.
#include "common/training/dataset.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "common/tokenizer/tokenizer_trainer.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

std::unique_ptr<Tokenizer> Bytes() {
  const std::vector<absl::string_view> texts = {"a"};
  REQUIRE_OK_AND_ASSIGN(const std::string json, TrainTokenizer(texts, 257));
  REQUIRE_OK_AND_ASSIGN(std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Parse(json));
  return tokenizer;
}

std::vector<Document> Documents(int count) {
  std::vector<Document> documents;
  for (int i = 0; i < count; ++i) {
    documents.push_back(MakeDocument(absl::StrCat("[", i, "] the text of document ", i)));
  }
  return documents;
}

// The numbers in brackets of all documents that begin in the chunks.
std::set<std::string> Numbers(const Tokenizer& tokenizer, const TokenChunks& chunks) {
  REQUIRE_OK_AND_ASSIGN(const std::string text, tokenizer.Decode(chunks.tokens));
  std::set<std::string> numbers;
  for (const absl::string_view piece : absl::StrSplit(text, '[')) {
    const size_t end = piece.find(']');
    if (end != absl::string_view::npos) numbers.insert(std::string(piece.substr(0, end)));
  }
  return numbers;
}

TEST_CASE("Training and held-out text share no document", "[training]") {
  const auto tokenizer = Bytes();
  REQUIRE_OK_AND_ASSIGN(const Dataset data,
                        BuildDataset(*tokenizer, Documents(500), {.chunk_tokens = 16}));
  const std::set<std::string> train = Numbers(*tokenizer, data.train);
  const std::set<std::string> held_out = Numbers(*tokenizer, data.held_out);
  REQUIRE(train.size() > 400);
  REQUIRE(held_out.size() > 20);
  for (const std::string& number : held_out) REQUIRE_FALSE(train.contains(number));
  REQUIRE(data.train_documents + data.held_out_documents == 500);
}

TEST_CASE("Order and repetition of documents do not matter", "[training]") {
  const auto tokenizer = Bytes();
  const DatasetOptions options = {.chunk_tokens = 16};
  REQUIRE_OK_AND_ASSIGN(const Dataset data, BuildDataset(*tokenizer, Documents(200), options));
  std::vector<Document> shuffled = Documents(200);
  std::reverse(shuffled.begin(), shuffled.end());
  shuffled.push_back(shuffled.front());
  REQUIRE_OK_AND_ASSIGN(const Dataset again, BuildDataset(*tokenizer, shuffled, options));
  REQUIRE(again.digest == data.digest);
  REQUIRE(again.duplicates == 1);
  REQUIRE_OK_AND_ASSIGN(const Dataset other, BuildDataset(*tokenizer, Documents(201), options));
  REQUIRE(other.digest != data.digest);
}

TEST_CASE("A shorter run's text is the beginning of a longer one's", "[training]") {
  const auto tokenizer = Bytes();
  REQUIRE_OK_AND_ASSIGN(const Dataset all,
                        BuildDataset(*tokenizer, Documents(500), {.chunk_tokens = 16}));
  REQUIRE_OK_AND_ASSIGN(
      const Dataset some,
      BuildDataset(*tokenizer, Documents(500), {.chunk_tokens = 16, .train_chunks_max = 50}));
  REQUIRE(some.train.count() == 50);
  REQUIRE(std::equal(some.train.tokens.begin(), some.train.tokens.end(), all.train.tokens.begin()));
}

TEST_CASE("Too little text is refused, little text is warned of", "[training]") {
  const auto tokenizer = Bytes();
  for (const int count : {0, 1, 2, 12}) {
    REQUIRE_STATUS(BuildDataset(*tokenizer, Documents(count), {.chunk_tokens = 64}),
                   absl::StatusCode::kInvalidArgument, "TOO_LITTLE_TEXT");
  }
  REQUIRE_OK_AND_ASSIGN(const Dataset few,
                        BuildDataset(*tokenizer, Documents(100), {.chunk_tokens = 32}));
  REQUIRE(few.warnings.size() == 2);
  REQUIRE_OK_AND_ASSIGN(const Dataset enough,
                        BuildDataset(*tokenizer, Documents(500), {.chunk_tokens = 16}));
  REQUIRE(enough.warnings.empty());
}

TEST_CASE("Evaluation text is used whole", "[training]") {
  const auto tokenizer = Bytes();
  REQUIRE_OK_AND_ASSIGN(const TokenChunks chunks,
                        BuildEvaluationChunks(*tokenizer, Documents(50),
                                              {.chunk_tokens = 16, .held_out_chunks_max = 0}));
  REQUIRE(Numbers(*tokenizer, chunks).size() >= 49);  // the last may be cut off
  REQUIRE_STATUS(BuildEvaluationChunks(*tokenizer, {}, {}), absl::StatusCode::kInvalidArgument,
                 "TOO_LITTLE_TEXT");
}

}  // namespace
}  // namespace kalavai

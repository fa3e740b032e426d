// Goal: training is deterministic and learns what Hugging Face's trainer learns.
// Method: trained.json, which make_goldens.py compared token by token with theirs; other orders of
// the documents; a corpus whose merges spell one token in two ways; bad arguments.
#include "common/tokenizer/tokenizer_trainer.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/tokenizer/tokenizer.h"
#include "tests/support/catch.h"
#include "tests/unit/common/tokenizer/golden_lines.h"

namespace kalavai {
namespace {

absl::StatusOr<std::string> Train(const std::vector<std::string>& texts, int64_t size) {
  const std::vector<absl::string_view> views(texts.begin(), texts.end());
  return TrainTokenizer(views, size);
}

TEST_CASE("The golden texts give the golden tokenizer, in any order") {
  std::vector<std::string> texts = testing::GoldenTrainingTexts();
  const std::string golden = testing::TokenizerGolden("trained.json");
  REQUIRE_OK_AND_ASSIGN(const std::string first, Train(texts, 500));
  REQUIRE(first == golden);
  std::reverse(texts.begin(), texts.end());
  REQUIRE_OK_AND_ASSIGN(const std::string second, Train(texts, 500));
  REQUIRE(second == golden);
}

TEST_CASE("Every size and text gives a tokenizer that loads and keeps the text") {
  std::string repetitive;
  for (int i = 0; i < 2000; ++i) repetitive += "abcabcdabcdeabbcbcd "[(i * i + i / 7) % 20];
  const std::vector<std::string> texts = {repetitive, "", std::string(5000, 'x')};
  for (const int64_t size : {257, 258, 300, 5000}) {
    INFO(size);
    REQUIRE_OK_AND_ASSIGN(const std::string json, Train(texts, size));
    REQUIRE_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Parse(json));
    REQUIRE(tokenizer->VocabularySize() <= size);
    REQUIRE(tokenizer->EndOfTextId() == 0);
    REQUIRE_OK_AND_ASSIGN(const auto ids, tokenizer->Encode(repetitive));
    REQUIRE_OK_AND_ASSIGN(const std::string decoded, tokenizer->Decode(ids));
    REQUIRE(decoded == repetitive);
    if (size > 258) REQUIRE(ids.size() < repetitive.size() / 2);
  }
  REQUIRE_OK(Train({}, 257));
}

TEST_CASE("Sizes out of range and text that is no UTF-8 are refused") {
  REQUIRE_STATUS(Train({"a"}, 256), absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  REQUIRE_STATUS(Train({"a"}, 1'000'001), absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  const auto trained = Train({"a", "b\xC0"}, 300);
  REQUIRE_STATUS(trained, absl::StatusCode::kInvalidArgument, "TEXT_NOT_UTF8");
  REQUIRE(GetErrorDetail(trained.status())->text.metadata.at("document") == "1");
  REQUIRE(GetErrorDetail(trained.status())->text.metadata.at("offset") == "1");
}

TEST_CASE("Special tokens come first, and a pair merges when it is frequent enough") {
  const std::vector<absl::string_view> texts = {"aaab aaab aaab", "cd cd"};
  REQUIRE_OK_AND_ASSIGN(
      const std::string json,
      TrainTokenizer(texts, TokenizerTraining{.vocabulary_size = 300,
                                              .min_frequency = 3,
                                              .special_tokens = {"<a>", "<\"b\">"}}));
  REQUIRE_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Parse(json));
  REQUIRE(tokenizer->TokenBytes(0) == "<a>");
  REQUIRE(tokenizer->TokenBytes(1) == "<\"b\">");
  REQUIRE(tokenizer->IsSpecial(1));
  std::vector<std::string> learned;
  for (int32_t id = 258; id < tokenizer->VocabularySize(); ++id) {
    learned.emplace_back(tokenizer->TokenBytes(id));
  }
  REQUIRE_FALSE(learned.empty());
  for (const std::string& token : learned) REQUIRE(token.find('c') == std::string::npos);
}

TEST_CASE("Bad training options are refused by name") {
  const std::vector<absl::string_view> texts = {"a"};
  for (const TokenizerTraining& bad :
       {TokenizerTraining{.vocabulary_size = 256}, TokenizerTraining{.min_frequency = 0},
        TokenizerTraining{.special_tokens = {""}}, TokenizerTraining{.special_tokens = {"a"}},
        TokenizerTraining{.special_tokens = {"<x>", "<x>"}},
        TokenizerTraining{.special_tokens = {"\xFF"}},
        TokenizerTraining{.vocabulary_size = 257, .special_tokens = {"<x>", "<y>"}}}) {
    REQUIRE_STATUS(TrainTokenizer(texts, bad), absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  }
}

}  // namespace
}  // namespace kalavai

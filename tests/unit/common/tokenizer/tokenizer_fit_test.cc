// Goal: words, characters and fallback tokens are counted as documented.
// Method: short texts whose counts are plain to see, with a golden tokenizer.
#include "common/tokenizer/tokenizer_fit.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/common/tokenizer/golden_lines.h"

namespace kalavai {
namespace {

TokenizerFit FitOf(const std::string& text) {
  const auto tokenizer = Tokenizer::Parse(testing::TokenizerGolden("qwen.json"));
  REQUIRE_OK(tokenizer);
  const auto fit = MeasureFit(**tokenizer, text);
  REQUIRE_OK(fit);
  return *fit;
}

TEST_CASE("Words are runs of letters, marks and numbers, joiners inside") {
  const std::vector<std::pair<std::string, int64_t>> rows = {
      {"", 0},
      {"one two", 2},
      {"don't re-use it\u2019s 'x'", 4},
      {"a--b", 2},
      {"\u0ba4\u0bae\u0bbf\u0bb4\u0bcd e\u0301t", 2},
      {"3.14, 2", 3},
      {"... !", 0}};
  for (const auto& [text, words] : rows) {
    INFO(text);
    CHECK(FitOf(text).words == words);
  }
}

TEST_CASE("Scripts without spaces have no words") {
  const TokenizerFit chinese = FitOf("\u4eca\u5929\u5929\u6c14\u5f88\u597d");
  CHECK_FALSE(chinese.HasWords());
  CHECK_FALSE(chinese.TokensPerWord().has_value());
  CHECK(chinese.characters == 6);
  CHECK(FitOf("mostly English with \u4eca").HasWords());
}

TEST_CASE("Tokens of single bytes of longer characters are fallback") {
  const TokenizerFit fit = FitOf("a\U0010FFFE");  // nothing merges its bytes
  CHECK(fit.tokens == 5);
  CHECK(fit.fallback_tokens == 4);
  CHECK(fit.FallbackShare() == 0.8);
  CHECK(fit.TokensPerByte() == 1.0);
  CHECK(FitOf("").TokensPerByte() == 0.0);
}

TEST_CASE("The English page has words, and bad text is refused") {
  const auto tokenizer = Tokenizer::Parse(testing::TokenizerGolden("qwen.json"));
  REQUIRE_OK(tokenizer);
  REQUIRE_OK_AND_ASSIGN(const TokenizerFit fit, MeasureFit(**tokenizer, EnglishSample()));
  CHECK(fit.words > 200);
  CHECK(fit.fallback_tokens == 0);
  REQUIRE_STATUS(MeasureFit(**tokenizer, "\xFF"), absl::StatusCode::kInvalidArgument,
                 "TEXT_NOT_UTF8");
}

}  // namespace
}  // namespace kalavai

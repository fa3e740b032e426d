// Goal: text is cut where the named regular expressions cut it.
// Method: tables of texts and pieces for each rule; long runs of one kind.
// (Against Hugging Face's tokenizers: tokenizer_test.cc and tests/experiments/tokenizer_fuzz.py.)
#include "common/tokenizer/pre_tokenizer.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

using Strings = std::vector<std::string>;

Strings Pieces(const std::vector<CutRule>& rules, const std::string& text) {
  Strings pieces;
  PreTokenizer(rules).Split(text, [&](absl::string_view piece) { pieces.emplace_back(piece); });
  return pieces;
}

TEST_CASE("GPT-2's expression cuts words, numbers, signs and spaces") {
  const std::vector<std::pair<std::string, Strings>> rows = {
      {"", {}},
      {"I'll go", {"I", "'ll", " go"}},
      {"I'LL 'sx", {"I", "'", "LL", " '", "sx"}},
      {"a  b", {"a", " ", " b"}},
      {"a\n\nb ", {"a", "\n", "\n", "b", " "}},
      {"x=12.5!?", {"x", "=", "12", ".", "5", "!?"}},
      {"\u00e9t\u00e9 \u0663", {"\u00e9t\u00e9", " \u0663"}},
      {"a\u180e\u3000b", {"a", "\u180e", "\u3000", "b"}},  // U+180E is no white space
      {"\U00031350\U000105C0", {"\U00031350\U000105C0"}},  // letters of Unicode 15 and 16
  };
  for (const auto& [text, pieces] : rows) {
    INFO(text);
    REQUIRE(Pieces({CutRule::kGpt2}, text) == pieces);
  }
}

TEST_CASE("Qwen2's and Llama 3's expressions keep what stands before a word and line ends") {
  struct Row {
    std::string text;
    Strings qwen;
    Strings llama;
  };
  const std::vector<Row> rows = {
      {"I'LL \"go", {"I", "'LL", " \"", "go"}, {"I", "'LL", " \"", "go"}},
      {"\tx $y", {"\tx", " $", "y"}, {"\tx", " $", "y"}},
      {"1234 5", {"1", "2", "3", "4", " ", "5"}, {"123", "4", " ", "5"}},
      {"!\r\n\n a", {"!\r\n\n", " a"}, {"!\r\n\n", " a"}},
      {"a \n \n  b", {"a", " \n \n", " ", " b"}, {"a", " \n \n", " ", " b"}},
      {"a   ", {"a", "   "}, {"a", "   "}},
      {"'\u017f'\u00e9", {"'\u017f", "'\u00e9"}, {"'\u017f", "'\u00e9"}},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    CHECK(Pieces({CutRule::kQwen2}, row.text) == row.qwen);
    CHECK(Pieces({CutRule::kLlama3}, row.text) == row.llama);
  }
}

TEST_CASE("Numbers are cut one by one, in threes, or in runs") {
  const std::string text = "ab1234\u066312";
  CHECK(Pieces({CutRule::kNumberEach}, text) ==
        Strings{"ab", "1", "2", "3", "4", "\u0663", "1", "2"});
  CHECK(Pieces({CutRule::kNumberTriples}, text) == Strings{"ab", "123", "4\u06631", "2"});
  CHECK(Pieces({CutRule::kNumericRuns}, text) == Strings{"ab", "1234\u066312"});
  // A number since Unicode 17, which only the component Digits knows.
  CHECK(Pieces({CutRule::kNumericEach}, "a\U00011DE0b") == Strings{"a", "\U00011DE0", "b"});
  CHECK(Pieces({CutRule::kNumberEach}, "a\U00011DE0b") == Strings{"a\U00011DE0b"});
}

TEST_CASE("Rules apply one after the other, and none leaves the text whole") {
  REQUIRE(Pieces({CutRule::kNumericEach, CutRule::kGpt2}, "ab 12c") ==
          Strings{"ab", " ", "1", "2", "c"});
  REQUIRE(Pieces({}, "ab 12c") == Strings{"ab 12c"});
}

TEST_CASE("Megabytes of one kind of character are cut") {
  const size_t size = 4 << 20;
  for (const CutRule rule : {CutRule::kGpt2, CutRule::kLlama3}) {
    REQUIRE(Pieces({rule}, std::string(size, ' ') + "a").size() == 2);
    REQUIRE(Pieces({rule}, std::string(size, 'a')).size() == 1);
    REQUIRE(Pieces({rule}, std::string(size, '.')).size() == 1);
  }
}

TEST_CASE("Only the expressions of the table are known") {
  REQUIRE(CutRuleOf("\\p{N}{1,3}") == CutRule::kNumberTriples);
  REQUIRE_FALSE(CutRuleOf("(a+)+b").has_value());
  REQUIRE_FALSE(CutRuleOf("").has_value());
  REQUIRE(CoversAllText(CutRule::kLlama3));
  REQUIRE_FALSE(CoversAllText(CutRule::kNumberEach));
}

}  // namespace
}  // namespace kalavai

// Goal: text is cut where the named regular expressions cut it, and NFC composes.
// Method: a table of texts and pieces; long white space; normalisation of well-known sequences.
// (Against Hugging Face's tokenizers: tokenizer_test.cc.)
#include "common/tokenizer/pre_tokenizer.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

std::vector<std::string> Pieces(const std::vector<std::string>& patterns, const std::string& text) {
  const PreTokenizer pre_tokenizer(patterns);
  PreTokenizer::Scratch scratch;
  std::vector<std::string> pieces;
  REQUIRE_OK(pre_tokenizer.Split(text, scratch,
                                 [&](absl::string_view piece) { pieces.emplace_back(piece); }));
  return pieces;
}

TEST_CASE("GPT-2's expression cuts words, numbers, signs and spaces") {
  using Strings = std::vector<std::string>;
  const std::vector<std::pair<std::string, Strings>> rows = {
      {"", {}},
      {"I'll go", {"I", "'ll", " go"}},
      {"a  b", {"a", " ", " b"}},
      {"a\n\nb ", {"a", "\n", "\n", "b", " "}},
      {"x=12.5!?", {"x", "=", "12", ".", "5", "!?"}},
      {"\u00e9t\u00e9 \u0663", {"\u00e9t\u00e9", " \u0663"}},
      {"a\u180e\u3000b", {"a", "\u180e", "\u3000", "b"}},  // U+180E is no white space
  };
  for (const auto& [text, pieces] : rows) {
    INFO(text);
    REQUIRE(Pieces({std::string(kGpt2Pattern)}, text) == pieces);
  }
}

TEST_CASE("Expressions apply one after the other, and none leaves the text whole") {
  REQUIRE(Pieces({std::string(kDigitPattern), std::string(kGpt2Pattern)}, "ab 12c") ==
          std::vector<std::string>{"ab", " ", "1", "2", "c"});
  REQUIRE(Pieces({}, "ab 12c") == std::vector<std::string>{"ab 12c"});
}

TEST_CASE("Megabytes of one kind of character are cut") {
  const size_t size = 4 << 20;
  const std::string pattern(kGpt2Pattern);
  REQUIRE(Pieces({pattern}, std::string(size, ' ') + "a").size() == 2);
  REQUIRE(Pieces({pattern}, std::string(size, 'a')).size() == 1);
  REQUIRE(Pieces({pattern}, std::string(size, '.')).size() == 1);
}

TEST_CASE("Only the expressions of the table are known") {
  REQUIRE(PreTokenizer::Knows(kGpt2Pattern));
  REQUIRE_FALSE(PreTokenizer::Knows("(a+)+b"));
  REQUIRE_FALSE(PreTokenizer::Knows(""));
}

TEST_CASE("NFC composes and leaves composed text alone") {
  REQUIRE(NormalizeNfc("e\u0301") == "\u00e9");
  REQUIRE(NormalizeNfc("\u212b") == "\u00c5");
  REQUIRE(NormalizeNfc("s\u0307\u0323") == "\u1e69");
  REQUIRE(NormalizeNfc("\u1100\u1161\u11a8") == "\uac01");
  REQUIRE(NormalizeNfc("\ufb01") == "\ufb01");  // a compatibility character is no other
  REQUIRE(NormalizeNfc(std::string("a\0e\u0301", 5)) == std::string("a\0\u00e9", 4));
  REQUIRE(IsSurelyNfc("plain \u00e9"));
  REQUIRE_FALSE(IsSurelyNfc("e\u0301"));
}

}  // namespace
}  // namespace kalavai

#include "common/tokenizer/tokenizer_fit.h"

#include <cstddef>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/tokenizer/unicode_classes.h"
#include "common/tokenizer/unicode_ranges.h"

namespace kalavai {
namespace {

// Blocks of scripts written without spaces between words.
constexpr CodePointRange kSpaceless[] = {
    {0xE00, 0xFFF},   {0x1000, 0x109F}, {0x1780, 0x17FF}, {0x1950, 0x19FF},   {0x1A20, 0x1AAF},
    {0x3005, 0x3007}, {0x3040, 0x30FF}, {0x31F0, 0x31FF}, {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},
    {0xA980, 0xA9FF}, {0xAA60, 0xAADF}, {0xF900, 0xFAFF}, {0x1AFF0, 0x1B16F}, {0x20000, 0x323AF}};

bool IsSpaceless(uint32_t code) {
  for (const CodePointRange& range : kSpaceless) {
    if (code >= range.first && code <= range.last) return true;
  }
  return false;
}

// Apostrophes, hyphens and joiners: inside a word, not at its edge.
bool Joins(uint32_t code) {
  return code == '\'' || code == '-' || code == 0x2019 || code == 0x200C || code == 0x200D ||
         code == 0x2010 || code == 0xAD;
}

double Share(int64_t part, int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

void CountText(absl::string_view text, TokenizerFit& fit) {
  const UnicodeClasses& classes = UnicodeClasses::Get();
  bool in_word = false;
  bool joined = false;  // a joiner came after the word's last letter
  for (size_t i = 0; i < text.size();) {
    const CodePoint point = CodePointAt(text, i);
    i += point.size;
    ++fit.characters;
    const uint8_t of = classes.Of(point.value);
    if ((of & kLetter) != 0) {
      ++fit.letters;
      if (IsSpaceless(point.value)) ++fit.spaceless_letters;
    }
    if ((of & (kLetter | kMark | kNumber)) != 0) {
      if (!in_word) ++fit.words;
      in_word = true;
      joined = false;
    } else if (in_word && !joined && Joins(point.value)) {
      joined = true;
    } else {
      in_word = false;
    }
  }
}

}  // namespace

double TokenizerFit::TokensPerByte() const { return Share(tokens, bytes); }
double TokenizerFit::TokensPerCharacter() const { return Share(tokens, characters); }
double TokenizerFit::FallbackShare() const { return Share(fallback_tokens, tokens); }
std::optional<double> TokenizerFit::TokensPerWord() const {
  if (!HasWords()) return std::nullopt;
  return Share(tokens, words);
}

absl::StatusOr<TokenizerFit> MeasureFit(const Tokenizer& tokenizer, absl::string_view text) {
  RETURN_IF_ERROR(CheckUtf8(text));
  TokenizerFit fit{.bytes = static_cast<int64_t>(text.size())};
  CountText(text, fit);
  ASSIGN_OR_RETURN(const std::vector<int32_t> ids, tokenizer.Encode(text));
  fit.tokens = static_cast<int64_t>(ids.size());
  for (const int32_t id : ids) {
    const absl::string_view bytes = tokenizer.TokenBytes(id);
    if (bytes.size() == 1 && static_cast<unsigned char>(bytes[0]) >= 0x80) ++fit.fallback_tokens;
  }
  return fit;
}

absl::string_view EnglishSample() {
  return "The village school stands beside the river, and in spring the children watch the water "
         "rise. Last year it came up to the second step before it turned. The teacher keeps a "
         "notebook in which every class writes down the height of the flood, the day the swallows "
         "return, and the first frost. Some of the pages are older than the building.\n\n"
         "When a new pupil arrives, someone reads to her from the book. She hears how her "
         "grandmother saw ice in May, and how the bridge was carried away one night in November "
         "and found again, nearly whole, four miles down the valley. Then she is given a pencil. "
         "What she writes need not be long, but it must be true, and it must be dated.\n\n"
         "A farmer once asked whether the numbers could tell him when to sow. The teacher said "
         "that she did not know, but that they could count together. They drew a line through "
         "forty years of frosts, and it leaned. He sowed nine days earlier than his father had, "
         "and he wrote that down as well. Since then people bring what they have measured: rain "
         "in a jar, the weight of honey, the price of bread on market day. Nobody is paid for it. "
         "They say that a record kept by many hands is harder to lose.\n";
}

}  // namespace kalavai

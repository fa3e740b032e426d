#include "common/tokenizer/pre_tokenizer.h"

#include <array>
#include <cstdint>
#include <limits>
#include <utility>

#include "common/tokenizer/unicode_classes.h"

namespace kalavai {
namespace {

struct KnownRegex {
  absl::string_view text;  // as in tokenizer.json
  CutRule rule;
};

constexpr std::array<KnownRegex, 5> kRegexes = {{
    {"\\p{N}", CutRule::kNumberEach},
    {"\\p{N}{1,3}", CutRule::kNumberTriples},
    {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
     CutRule::kGpt2},
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
     "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     CutRule::kQwen2},
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
     "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     CutRule::kLlama3},
}};

constexpr size_t kUnbounded = std::numeric_limits<size_t>::max();
constexpr uint8_t kWordy = kLetter | kNumber | kSpace;  // none of them: a sign

// One text and the classes of its characters.
class Scanner {
 public:
  Scanner(absl::string_view text, const UnicodeClasses& classes) : text_(text), classes_(classes) {}

  bool AtEnd(size_t i) const { return i >= text_.size(); }
  char At(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }
  uint8_t ClassAt(size_t i) const { return classes_.Of(CodePointAt(text_, i).value); }
  size_t Next(size_t i) const { return i + CodePointAt(text_, i).size; }
  bool IsLetterAt(size_t i) const { return !AtEnd(i) && (ClassAt(i) & kLetter) != 0; }
  bool IsSignAt(size_t i) const { return !AtEnd(i) && (ClassAt(i) & kWordy) == 0; }
  bool IsLineEndAt(size_t i) const { return At(i) == '\r' || At(i) == '\n'; }

  // The end of at most `most` characters from `i` whose classes among `mask` are `wanted`'s.
  template <typename Predicate>
  size_t Run(size_t i, Predicate is, size_t most = kUnbounded) const {
    while (i < text_.size() && most-- > 0) {
      const CodePoint point = CodePointAt(text_, i);
      if (!is(classes_.Of(point.value))) break;
      i += point.size;
    }
    return i;
  }
  size_t Letters(size_t i) const {
    return Run(i, [](uint8_t c) { return (c & kLetter) != 0; });
  }
  size_t Numbers(size_t i, size_t most = kUnbounded) const {
    return Run(
        i, [](uint8_t c) { return (c & kNumber) != 0; }, most);
  }
  size_t Signs(size_t i) const {
    return Run(i, [](uint8_t c) { return (c & kWordy) == 0; });
  }
  size_t Spaces(size_t i) const {
    return Run(i, [](uint8_t c) { return (c & kSpace) != 0; });
  }
  size_t LineEnds(size_t i) const {
    while (IsLineEndAt(i)) ++i;
    return i;
  }

  // The bytes of 's, 't, 're, 've, 'm, 'll, 'd from `i`, where an apostrophe is; 0 when none of
  // them stands there.
  size_t Contraction(size_t i, bool any_case) const {
    const auto letter = [&](size_t k) {
      const char c = At(k);
      return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    const char first = letter(i + 1);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
    const char second = letter(i + 2);
    if ((first == 'r' || first == 'v') && second == 'e') return 3;
    if (first == 'l' && second == 'l') return 3;
    // U+017F, the long s, is an s in another case.
    if (any_case && first == '\xC5' && second == '\xBF') return 3;
    return 0;
  }

  // The end of `\s+(?!\S)|\s+` at white space: a run keeps its last character for the word after
  // it, unless the text ends there or it is the only one.
  size_t SpacesBeforeWord(size_t i) const {
    size_t last = i;
    size_t end = Next(i);
    while (!AtEnd(end) && (ClassAt(end) & kSpace) != 0) {
      last = end;
      end = Next(end);
    }
    return AtEnd(end) || last == i ? end : last;
  }

 private:
  const absl::string_view text_;
  const UnicodeClasses& classes_;
};

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t Gpt2End(const Scanner& text, size_t i) {
  if (text.At(i) == '\'') {
    const size_t contraction = text.Contraction(i, /*any_case=*/false);
    if (contraction != 0) return i + contraction;
  }
  const size_t word = text.At(i) == ' ' && !text.AtEnd(i + 1) ? i + 1 : i;
  const uint8_t classes = text.ClassAt(word);
  if ((classes & kLetter) != 0) return text.Letters(word);
  if ((classes & kNumber) != 0) return text.Numbers(word);
  if ((classes & kSpace) == 0) return text.Signs(word);
  return text.SpacesBeforeWord(i);
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,most}| ?[^\s\p{L}\p{N}]+[\r\n]*
// |\s*[\r\n]+|\s+(?!\S)|\s+
size_t Llama3End(const Scanner& text, size_t i, size_t most_numbers) {
  const uint8_t classes = text.ClassAt(i);
  if ((classes & kLetter) != 0) return text.Letters(i);
  if ((classes & kNumber) != 0) return text.Numbers(i, most_numbers);
  if (text.At(i) == '\'') {
    const size_t contraction = text.Contraction(i, /*any_case=*/true);
    if (contraction != 0) return i + contraction;
  }
  if (!text.IsLineEndAt(i)) {
    const size_t word = text.Next(i);
    if (text.IsLetterAt(word)) return text.Letters(word);
  }
  if ((classes & kSpace) == 0) return text.LineEnds(text.Signs(i));
  if (text.At(i) == ' ' && text.IsSignAt(i + 1)) return text.LineEnds(text.Signs(i + 1));
  const size_t end = text.Spaces(i);
  for (size_t k = end; k-- > i;) {  // up to the last line end of the white space
    if (text.IsLineEndAt(k)) return k + 1;
  }
  return text.SpacesBeforeWord(i);
}

size_t EndOf(CutRule rule, const Scanner& text, size_t i) {
  switch (rule) {
    case CutRule::kGpt2:
      return Gpt2End(text, i);
    case CutRule::kQwen2:
      return Llama3End(text, i, 1);
    case CutRule::kLlama3:
      return Llama3End(text, i, 3);
    case CutRule::kNumericEach:
    case CutRule::kNumericRuns:
    case CutRule::kNumberEach:
    case CutRule::kNumberTriples:
      break;
  }
  const uint8_t wanted =
      rule == CutRule::kNumericEach || rule == CutRule::kNumericRuns ? kNumeric : kNumber;
  const auto is_number = [wanted](uint8_t c) { return (c & wanted) != 0; };
  const size_t most = rule == CutRule::kNumericRuns     ? kUnbounded
                      : rule == CutRule::kNumberTriples ? 3
                                                        : 1;
  const size_t end = text.Run(i, is_number, most);
  return end > i ? end : text.Run(i, [&](uint8_t c) { return !is_number(c); });
}

}  // namespace

std::optional<CutRule> CutRuleOf(absl::string_view regex) {
  for (const KnownRegex& known : kRegexes) {
    if (known.text == regex) return known.rule;
  }
  return std::nullopt;
}

bool CoversAllText(CutRule rule) {
  return rule == CutRule::kGpt2 || rule == CutRule::kQwen2 || rule == CutRule::kLlama3;
}

PreTokenizer::PreTokenizer(std::vector<CutRule> rules)
    : rules_(std::move(rules)), classes_(UnicodeClasses::Get()) {}

void PreTokenizer::Split(absl::string_view text,
                         absl::FunctionRef<void(absl::string_view)> visit) const {
  if (!text.empty()) SplitFrom(0, text, visit);
}

void PreTokenizer::SplitFrom(size_t step, absl::string_view text,
                             absl::FunctionRef<void(absl::string_view)> visit) const {
  if (step == rules_.size()) return visit(text);
  const Scanner scanner(text, classes_);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = EndOf(rules_[step], scanner, begin);
    const absl::string_view piece = text.substr(begin, end - begin);
    if (step + 1 == rules_.size()) {
      visit(piece);
    } else {
      SplitFrom(step + 1, piece, visit);
    }
    begin = end;
  }
}

}  // namespace kalavai

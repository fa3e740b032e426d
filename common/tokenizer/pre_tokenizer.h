// Cuts text into the pieces within which tokens are merged. For tokenizer.cc and
// tokenizer_trainer.cc.
//
// The regular expressions of tokenizer.json are a closed table: a foreign file chooses one, it
// never brings its own. Each is a scanner by hand over unicode_classes.h, linear in the text,
// because engines disagree: PCRE2 10.42 knows Unicode 14 and Hugging Face's Oniguruma Unicode 16.
// Pieces equal those of `tokenizers`: tests/experiments/tokenizer_fuzz.py.
#ifndef KALAVAI_COMMON_TOKENIZER_PRE_TOKENIZER_H_
#define KALAVAI_COMMON_TOKENIZER_PRE_TOKENIZER_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace kalavai {

class UnicodeClasses;

enum class CutRule {
  kNumericEach,    // the component "Digits", individual_digits
  kNumericRuns,    // the component "Digits" otherwise
  kNumberEach,     // \p{N}
  kNumberTriples,  // \p{N}{1,3}
  kGpt2,           // the component "ByteLevel" with use_regex
  kQwen2,          // words with what stands before them, single numbers, line ends
  kLlama3,         // the same, numbers up to three
};

// Returns the rule of a regular expression as spelled in tokenizer.json, or none.
std::optional<CutRule> CutRuleOf(absl::string_view regex);

// Whether every character is part of a match, so that "Removed, inverted" is "Isolated".
bool CoversAllText(CutRule rule);

// Thread-safe: constant after construction.
class PreTokenizer {
 public:
  // The rules are applied in order, each to the pieces of the one before. Matches and what lies
  // between them are pieces ("Isolated").
  explicit PreTokenizer(std::vector<CutRule> rules);

  // Calls `visit` with each piece in order; joined they are `text`, which must be UTF-8.
  void Split(absl::string_view text, absl::FunctionRef<void(absl::string_view)> visit) const;

 private:
  void SplitFrom(size_t step, absl::string_view text,
                 absl::FunctionRef<void(absl::string_view)> visit) const;

  const std::vector<CutRule> rules_;
  const UnicodeClasses& classes_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_PRE_TOKENIZER_H_

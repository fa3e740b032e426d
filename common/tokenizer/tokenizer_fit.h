// What a language costs under a tokenizer: tokens a byte, a character and a word, and how often it
// falls back to single bytes. For people who decide whether to join. Pure functions.
//
// A word is a run of letters, marks and numbers (Unicode 16), with joiners, apostrophes or hyphens
// between two of them. In scripts written without spaces (Han, Kana, Thai, Lao, Khmer, Myanmar,
// Tibetan and their kin) such a run is no word: where a third of the letters are of these, words
// are not counted.
#ifndef KALAVAI_COMMON_TOKENIZER_TOKENIZER_FIT_H_
#define KALAVAI_COMMON_TOKENIZER_TOKENIZER_FIT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/tokenizer/tokenizer.h"

namespace kalavai {

struct TokenizerFit {
  int64_t bytes = 0;
  int64_t characters = 0;  // code points
  int64_t letters = 0;
  int64_t spaceless_letters = 0;  // of scripts written without spaces
  int64_t words = 0;
  int64_t tokens = 0;
  int64_t fallback_tokens = 0;  // tokens of one byte of a character of several

  bool HasWords() const { return words > 0 && 3 * spaceless_letters < letters; }
  // 0 for an empty text.
  double TokensPerByte() const;
  double TokensPerCharacter() const;
  std::optional<double> TokensPerWord() const;  // none without words
  double FallbackShare() const;
};

// Errors: TEXT_NOT_UTF8.
absl::StatusOr<TokenizerFit> MeasureFit(const Tokenizer& tokenizer, absl::string_view text);

// A page of English, written for this comparison.
absl::string_view EnglishSample();

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_TOKENIZER_FIT_H_

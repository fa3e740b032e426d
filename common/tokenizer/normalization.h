// Unicode's normalisation form C, as Hugging Face's `tokenizers` computes it. For tokenizer.cc and
// tokenizer_trainer.cc. Pure functions; any thread.
//
// utf8proc composes; but `tokenizers` knows combining classes and compositions of Unicode 9 only,
// so 110 characters assigned later stay where they stand. They were found by setting utf8proc 2.8
// beside `tokenizers` 0.23.3 for every code point alone, and outside Han and Hangul among marks.
#ifndef KALAVAI_COMMON_TOKENIZER_NORMALIZATION_H_
#define KALAVAI_COMMON_TOKENIZER_NORMALIZATION_H_

#include <string>

#include "absl/strings/string_view.h"

namespace kalavai {

// Returns `text`, which must be UTF-8, in form C.
std::string NormalizeNfc(absl::string_view text);

// Whether every character is one that form C never touches; false says nothing.
bool IsSurelyNfc(absl::string_view text);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_NORMALIZATION_H_

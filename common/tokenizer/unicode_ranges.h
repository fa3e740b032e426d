// The character classes of unicode_classes.h as sorted ranges: what Hugging Face's `tokenizers`
// 0.23.3 answers for every code point (tests/experiments/unicode_ranges.py asks it). For
// unicode_classes.cc.
#ifndef KALAVAI_COMMON_TOKENIZER_UNICODE_RANGES_H_
#define KALAVAI_COMMON_TOKENIZER_UNICODE_RANGES_H_

#include <cstdint>
#include <span>

namespace kalavai {

struct CodePointRange {
  uint32_t first = 0;
  uint32_t last = 0;  // inclusive
};

std::span<const CodePointRange> LetterRanges();
std::span<const CodePointRange> NumberRanges();
std::span<const CodePointRange> LateNumberRanges();  // numbers of Unicode 17, not of 16
std::span<const CodePointRange> MarkRanges();
std::span<const CodePointRange> SpaceRanges();

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_UNICODE_RANGES_H_

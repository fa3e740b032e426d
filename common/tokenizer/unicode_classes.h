// Character classes as Hugging Face's `tokenizers` has them: letters, numbers, marks and white
// space of Unicode 16 (its regular expressions), and numbers of Unicode 17 (its component Digits).
// The version matters: a letter assigned later is no letter to a tokenizer's file. Pure functions;
// any thread.
#ifndef KALAVAI_COMMON_TOKENIZER_UNICODE_CLASSES_H_
#define KALAVAI_COMMON_TOKENIZER_UNICODE_CLASSES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"

namespace kalavai {

inline constexpr uint8_t kLetter = 1;    // \p{L}
inline constexpr uint8_t kNumber = 2;    // \p{N}
inline constexpr uint8_t kSpace = 4;     // \s
inline constexpr uint8_t kMark = 8;      // \p{M}
inline constexpr uint8_t kNumeric = 16;  // what Digits cuts: \p{N} and 13 newer numbers

struct CodePoint {
  uint32_t value = 0;
  uint32_t size = 0;  // bytes of its UTF-8
};

// The character at `position` (below text.size()) of valid UTF-8.
inline CodePoint CodePointAt(absl::string_view text, size_t position) {
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(text[position + i]));
  };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {((lead & 0x1FU) << 6U) | (byte(1) & 0x3FU), 2};
  if (lead < 0xF0) {
    return {((lead & 0x0FU) << 12U) | ((byte(1) & 0x3FU) << 6U) | (byte(2) & 0x3FU), 3};
  }
  return {((lead & 0x07U) << 18U) | ((byte(1) & 0x3FU) << 12U) | ((byte(2) & 0x3FU) << 6U) |
              (byte(3) & 0x3FU),
          4};
}

// The classes of all code points, in two stages.
class UnicodeClasses {
 public:
  static const UnicodeClasses& Get();

  // The sum of the classes above; 0 for everything else. `code` is at most U+10FFFF.
  uint8_t Of(uint32_t code) const {
    return blocks_[(static_cast<size_t>(pages_[code >> 8U]) << 8U) | (code & 0xFFU)];
  }

 private:
  UnicodeClasses();

  std::array<uint16_t, 0x1100> pages_ = {};
  std::vector<uint8_t> blocks_;  // 256 code points each
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_UNICODE_CLASSES_H_

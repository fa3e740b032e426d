// GPT-2's spelling of bytes: tokenizer.json writes each byte of a token as one printable
// character, so that a token is a JSON string. Printable bytes of Latin-1 stand for themselves, the
// other 68 for U+0100 … U+0143 in order. Pure functions.
#ifndef KALAVAI_COMMON_TOKENIZER_BYTE_ALPHABET_H_
#define KALAVAI_COMMON_TOKENIZER_BYTE_ALPHABET_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace kalavai {

// Returns the character of a byte, as UTF-8: ' ' is "Ġ".
const std::string& CharacterOfByte(uint8_t byte);

// Returns the bytes `text` spells; none when it has a character outside the alphabet.
std::optional<std::string> SpelledBytes(absl::string_view text);

// Returns the bytes a token's text spells. A text with a character outside the alphabet spells
// itself: added tokens are plain text (and Hugging Face's decoder does so).
std::string BytesOfTokenText(absl::string_view text);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_BYTE_ALPHABET_H_

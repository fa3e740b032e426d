#include "common/tokenizer/byte_alphabet.h"

#include <array>
#include <cstddef>

namespace kalavai {
namespace {

constexpr uint32_t kFirstSubstitute = 0x100;
constexpr size_t kCharacters = 0x144;  // of the alphabet; all below this code point

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int16_t, kCharacters> bytes;  // by code point; -1: not in the alphabet
};

bool StandsForItself(uint32_t byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

Alphabet MakeAlphabet() {
  Alphabet alphabet;
  alphabet.bytes.fill(-1);
  uint32_t substitute = kFirstSubstitute;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const uint32_t code = StandsForItself(byte) ? byte : substitute++;
    std::string& character = alphabet.characters[byte];
    if (code < 0x80) {
      character.push_back(static_cast<char>(code));
    } else {
      character.push_back(static_cast<char>(0xC0U | (code >> 6U)));
      character.push_back(static_cast<char>(0x80U | (code & 0x3FU)));
    }
    alphabet.bytes[code] = static_cast<int16_t>(byte);
  }
  return alphabet;
}

const Alphabet& TheAlphabet() {
  static const Alphabet& alphabet = *new Alphabet(MakeAlphabet());
  return alphabet;
}

}  // namespace

const std::string& CharacterOfByte(uint8_t byte) { return TheAlphabet().characters[byte]; }

std::optional<std::string> SpelledBytes(absl::string_view text) {
  const Alphabet& alphabet = TheAlphabet();
  std::string bytes;
  bytes.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    uint32_t code = static_cast<unsigned char>(text[i]);
    if (code >= 0x80) {  // the alphabet has characters of one and two bytes only
      if (code >= 0xE0 || i + 1 == text.size()) return std::nullopt;
      code = ((code & 0x1FU) << 6U) | (static_cast<unsigned char>(text[++i]) & 0x3FU);
    }
    if (code >= kCharacters || alphabet.bytes[code] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(alphabet.bytes[code]));
  }
  return bytes;
}

std::string BytesOfTokenText(absl::string_view text) {
  return SpelledBytes(text).value_or(std::string(text));
}

}  // namespace kalavai

// Goal: every byte has one character, and token texts give back their bytes.
// Method: all bytes there and back; the spellings everybody knows; texts outside the alphabet.
#include "common/tokenizer/byte_alphabet.h"

#include <set>
#include <string>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Every byte has its own character and comes back from it") {
  std::set<std::string> characters;
  std::string bytes;
  std::string text;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string& character = CharacterOfByte(static_cast<uint8_t>(byte));
    characters.insert(character);
    bytes.push_back(static_cast<char>(byte));
    text += character;
  }
  REQUIRE(characters.size() == 256);
  REQUIRE(BytesOfTokenText(text) == bytes);
}

TEST_CASE("Spellings are GPT-2's") {
  REQUIRE(CharacterOfByte('A') == "A");
  REQUIRE(CharacterOfByte(' ') == "\u0120");
  REQUIRE(CharacterOfByte('\n') == "\u010a");
  REQUIRE(CharacterOfByte(0) == "\u0100");
  REQUIRE(CharacterOfByte(0xAD) == "\u0143");
  REQUIRE(BytesOfTokenText("\u0120t\u00c3\u00a9") == " t\xC3\xA9");
}

TEST_CASE("A text outside the alphabet spells itself") {
  for (const std::string text : {"a b", "\u0144", "\u65e5", "\u0120 ", ""}) {
    REQUIRE(BytesOfTokenText(text) == text);
  }
}

}  // namespace
}  // namespace kalavai

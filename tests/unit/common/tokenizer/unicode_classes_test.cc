// Goal: characters have the classes of Hugging Face's engine, and UTF-8 is read right.
// Method: characters of each class and size, those of the newest Unicode versions, and totals.
#include "common/tokenizer/unicode_classes.h"

#include <map>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Characters have their classes") {
  const UnicodeClasses& classes = UnicodeClasses::Get();
  CHECK(classes.Of('a') == kLetter);
  CHECK(classes.Of('7') == (kNumber | kNumeric));
  CHECK(classes.Of(' ') == kSpace);
  CHECK(classes.Of(0x2028) == kSpace);
  CHECK(classes.Of(0x180E) == 0);
  CHECK(classes.Of(0x301) == kMark);
  CHECK(classes.Of('!') == 0);
  CHECK(classes.Of(0x323AF) == kLetter);
  CHECK(classes.Of(0x11DE0) == kNumeric);
  CHECK(classes.Of(0x10FFFF) == 0);
}

TEST_CASE("The classes have as many characters as tokenizers 0.23.3 finds") {
  std::map<uint8_t, int> counts;
  for (uint32_t code = 0; code < 0x110000; ++code) ++counts[UnicodeClasses::Get().Of(code)];
  CHECK(counts[kLetter] == 141028);
  CHECK(counts[kNumber | kNumeric] == 1911);
  CHECK(counts[kNumeric] == 13);
  CHECK(counts[kMark] == 2501);
  CHECK(counts[kSpace] == 25);
}

TEST_CASE("Characters of one to four bytes are read") {
  const absl::string_view text = "a\u00e9\u20ac\U0001F600";
  CHECK(CodePointAt(text, 0).value == 'a');
  CHECK(CodePointAt(text, 1).value == 0xE9);
  CHECK(CodePointAt(text, 3).value == 0x20AC);
  CHECK(CodePointAt(text, 6).value == 0x1F600);
  CHECK(CodePointAt(text, 6).size == 4);
}

}  // namespace
}  // namespace kalavai

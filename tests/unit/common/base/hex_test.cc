// Goal: every value has exactly one text form.
// Method: round trips, and a table of second spellings that must be refused.
#include "common/base/hex.h"

#include <string>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Every form round-trips all byte values", "[base]") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes.push_back(static_cast<char>(i));
    CHECK(HexDecode(HexEncode(bytes)).value() == bytes);
    CHECK(Base64Decode(Base64Encode(bytes)).value() == bytes);
    CHECK(Base64UrlDecode(Base64UrlEncode(bytes)).value() == bytes);
  }
  CHECK(HexEncode("\x01\xab") == "01ab");
  CHECK(Base64Encode("\xfb\xff") == "+/8=");
  CHECK(Base64UrlEncode("\xfb\xff") == "-_8");
}

TEST_CASE("A second spelling is refused", "[base]") {
  for (const char* text : {"AB", "0", "0g", " 00", "0x00"}) CHECK_FALSE(HexDecode(text).ok());
  for (const char* text : {"+/8", "-_8=", "+/9=", "+/8=\n", " +/8=", "+ /8="})
    CHECK_FALSE(Base64Decode(text).ok());
  for (const char* text : {"-_8=", "+/8", "-_9", "-_8\n"}) CHECK_FALSE(Base64UrlDecode(text).ok());
}

}  // namespace
}  // namespace kalavai

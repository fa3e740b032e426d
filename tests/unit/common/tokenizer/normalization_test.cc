// Goal: NFC composes as Hugging Face's tokenizers do, and leaves composed text alone.
// Method: well-known sequences; marks newer than the reader's Unicode.
#include "common/tokenizer/normalization.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("NFC composes and leaves composed text alone") {
  REQUIRE(NormalizeNfc("e\u0301") == "\u00e9");
  REQUIRE(NormalizeNfc("xe\u0301y e\u0301") == "x\u00e9y \u00e9");
  REQUIRE(NormalizeNfc("\u212b") == "\u00c5");
  REQUIRE(NormalizeNfc("s\u0307\u0323") == "\u1e69");
  REQUIRE(NormalizeNfc("\u1100\u1161\u11a8") == "\uac01");
  REQUIRE(NormalizeNfc("\u0bc6\u0bbe") == "\u0bca");
  REQUIRE(NormalizeNfc("\u0301a") == "\u0301a");
  REQUIRE(NormalizeNfc("\ufb01") == "\ufb01");  // a compatibility character is no other
  REQUIRE(NormalizeNfc(std::string("a\0e\u0301", 5)) == std::string("a\0\u00e9", 4));
  REQUIRE(IsSurelyNfc("plain \u00e9, long enough for eight at once"));
  REQUIRE(IsSurelyNfc("\u4e2d\u6587 \u0ba4\u0bae\u0bbf"));
  REQUIRE_FALSE(IsSurelyNfc("e\u0301"));
}

TEST_CASE("A hundred marks on one letter are put in order") {
  std::string marks = "q";
  std::string sorted = "q";
  for (int i = 0; i < 100; ++i) marks += "\u0301\u0323";
  for (int i = 0; i < 100; ++i) sorted += "\u0323";
  for (int i = 0; i < 100; ++i) sorted += "\u0301";
  REQUIRE(NormalizeNfc(marks) == sorted);
}

TEST_CASE("Marks after Unicode 9 stay where they stand and keep others apart") {
  REQUIRE(NormalizeNfc("q\u0301\u1DF6\u0323") == "q\u0301\u1DF6\u0323");
  REQUIRE(NormalizeNfc("e\u1DF6\u0301") == "e\u1DF6\u0301");
  REQUIRE(NormalizeNfc("\U00011935\U00011930") == "\U00011935\U00011930");
}

}  // namespace
}  // namespace kalavai

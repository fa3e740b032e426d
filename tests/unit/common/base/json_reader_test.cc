// Goal: one reading a text, or a refusal.
// Method: a table of bad texts; limits at their edge; typed access.
#include "common/base/json_reader.h"

#include <string>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Bad JSON is refused with its reason", "[base]") {
  const std::string texts[] = {
      "",
      "{",
      "{}x",
      "{} {}",
      "{\"a\":1,\"a\":2}",
      "{\"a\":1,\"\\u0061\":2}",
      "[{\"a\":{\"b\":1,\"b\":2}}]",
      "{\"a\":NaN}",
      "{\"a\":1e999}",
      "{\"a\":01}",
      "[1,]",
      "\xEF\xBB\xBF{}",
      "\"\xff\"",
      "{'a':1}",
      "nul",
      "// c\n{}",
  };
  for (const std::string& text : texts) {
    INFO(text);
    REQUIRE_STATUS(ReadJson(text), absl::StatusCode::kInvalidArgument, "JSON_INVALID");
  }
}

TEST_CASE("Depth and size are bounded at their edge", "[base]") {
  const JsonLimits limits{.bytes_max = 64, .depth_max = 3};
  CHECK(ReadJson("[[[1]]]", limits).ok());
  REQUIRE_STATUS(ReadJson("[[[[1]]]]", limits), absl::StatusCode::kInvalidArgument, "JSON_INVALID");
  CHECK(ReadJson("\"" + std::string(62, 'a') + "\"", limits).ok());
  REQUIRE_STATUS(ReadJson("\"" + std::string(63, 'a') + "\"", limits),
                 absl::StatusCode::kInvalidArgument, "JSON_INVALID");
  const std::string deep(100000, '[');
  CHECK_FALSE(ReadJson(deep).ok());
}

TEST_CASE("Sibling objects may share keys", "[base]") {
  CHECK(ReadJson(R"([{"a":1},{"a":2}])").ok());
  CHECK(ReadJson(R"({"a":{"a":{"a":1}}})").ok());
}

TEST_CASE("Typed access names the field", "[base]") {
  REQUIRE_OK_AND_ASSIGN(const nlohmann::json json,
                        ReadJson(R"({"s":"x","i":-3,"u":18446744073709551615,"f":1.5,"b":true})"));
  CHECK(JsonString(json, "s").value() == "x");
  CHECK(JsonInt(json, "i").value() == -3);
  CHECK(JsonNumber(json, "f").value() == 1.5);
  CHECK(JsonNumber(json, "i").value() == -3.0);
  CHECK(JsonBool(json, "b").value());
  REQUIRE_STATUS(JsonInt(json, "u"), absl::StatusCode::kInvalidArgument, "JSON_INVALID");
  REQUIRE_STATUS(JsonInt(json, "f"), absl::StatusCode::kInvalidArgument, "JSON_INVALID");
  REQUIRE_STATUS(JsonString(json, "missing"), absl::StatusCode::kInvalidArgument, "JSON_INVALID");
}

}  // namespace
}  // namespace kalavai

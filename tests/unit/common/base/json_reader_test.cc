// Goal: one reading a text, or a refusal.
// Method: a table of bad texts; limits at their edge; typed access.
#include "common/base/json_reader.h"

#include <cmath>
#include <limits>
#include <string>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Bad JSON is refused at its place", "[base]") {
  const struct {
    std::string text;
    const char* offset;
    const char* path;
  } cases[] = {
      {"", "0", "$"},
      {" ", "1", "$"},
      {"{", "1", "$"},
      {"[1", "2", "$"},
      {"\"a", "2", "$"},
      {"{}x", "2", "$"},
      {"{} {}", "3", "$"},
      {"1 2", "2", "$"},
      {std::string("{}\0", 3), "2", ""},
      {std::string("{}\0{}", 5), "2", ""},
      {std::string("\0", 1), "0", ""},
      {std::string("[\"a\0b\"]", 7), "3", ""},
      {R"({"a":1,"a":2})", "7", "$.a"},
      {R"({"a":1,"\u0061":2})", "7", "$.a"},
      {R"({"\"":1,"\u0022":2})", "8", "$.\""},
      {R"({"\\":1,"\\":2})", "8", "$.\\"},
      {R"({"":1,"":2})", "6", "$."},
      {R"([{"a":{"b":1,"b":2}}])", "13", "$[0].a.b"},
      {R"({"x":[[],[1,{"k":0,"k":0}]]})", "19", "$.x[1][1].k"},
      {R"({"a":NaN})", "5", "$"},
      {"[Infinity]", "1", "$"},
      {"[-Infinity]", "2", "$"},
      {R"({"a":1e999})", "5", "$.a"},
      {R"([0,-1e999])", "3", "$[1]"},
      {"1e999", "0", "$"},
      {"18446744073709551616", "0", "$"},
      {"[1,-9223372036854775809]", "3", "$[1]"},
      {"100000000000000000000000", "0", "$"},
      {R"({"a":01})", "6", "$"},
      {"[+1]", "1", "$"},
      {"[.5]", "1", "$"},
      {"[1.]", "3", "$"},
      {"[0x10]", "2", "$"},
      {"[1,]", "3", "$"},
      {"[,1]", "1", "$"},
      {R"({"a":1,})", "7", "$"},
      {R"({1:2})", "1", "$"},
      {"\xEF\xBB\xBF{}", "0", ""},
      {"\"\xff\"", "1", ""},
      {"[\"\xc0\xaf\"]", "2", ""},
      {"\"\xed\xa0\x80\"", "1", ""},
      {R"(["\ud800"])", "8", "$"},
      {R"(["\ud800\ud800"])", "13", "$"},
      {R"(["\udc00"])", "7", "$"},
      {R"(["\u12"])", "6", "$"},
      {R"(["\x41"])", "3", "$"},
      {"[\"a\nb\"]", "3", "$"},
      {"{'a':1}", "1", "$"},
      {"nul", "3", "$"},
      {"True", "0", "$"},
      {"// c\n{}", "0", "$"},
      {"/**/{}", "0", "$"},
  };
  for (const auto& c : cases) {
    INFO(c.text);
    const absl::Status status = ReadJson(c.text).status();
    REQUIRE_STATUS(status, absl::StatusCode::kInvalidArgument, "JSON_INVALID");
    INFO(status.message());
    CHECK(GetErrorDetail(status)->text.metadata.at("offset") == c.offset);
    CHECK(GetErrorDetail(status)->text.metadata.at("path") == c.path);
  }
}

TEST_CASE("Each kind of fault has a why of its own", "[base]") {
  const struct {
    const char* text;
    const char* why;
  } cases[] = {
      {R"({"a":1,"a":2})", "two readings"},
      {R"({"a":NaN})", "not JSON"},
      {"{", "not JSON"},
      {R"({"a":1,})", "not JSON"},
      {"1e999", "round"},
      {"18446744073709551616", "round"},
      {"\"\xff\"", "UTF-8"},
      {"\xEF\xBB\xBF{}", "UTF-8"},
      {"[[[[1]]]]", "bounded"},
      {"[1111111111111111111111111111111]", "bounded"},
  };
  for (const auto& c : cases) {
    INFO(c.text);
    const absl::Status status = ReadJson(c.text, {.bytes_max = 30, .depth_max = 3}).status();
    REQUIRE_STATUS(status, absl::StatusCode::kInvalidArgument, "JSON_INVALID");
    CHECK(GetErrorDetail(status)->text.why.find(c.why) != std::string::npos);
  }
}

TEST_CASE("Numbers are read exactly or not at all", "[base]") {
  CHECK(ReadJson("18446744073709551615").value() == 18446744073709551615ULL);
  CHECK(ReadJson("-9223372036854775808").value() == std::numeric_limits<int64_t>::min());
  CHECK(ReadJson("1e308").value() == 1e308);
  CHECK(ReadJson("1e-400").value() == 0.0);
  REQUIRE_OK_AND_ASSIGN(const nlohmann::json zero, ReadJson(R"({"a":-0,"b":-0.0,"c":0})"));
  CHECK_FALSE(JsonInt(zero, "a").ok());
  CHECK(std::signbit(JsonNumber(zero, "a").value()));
  CHECK(std::signbit(JsonNumber(zero, "b").value()));
  CHECK(JsonInt(zero, "c").value() == 0);
}

TEST_CASE("Characters survive every spelling", "[base]") {
  CHECK(ReadJson(R"("\ud83d\ude00 \u0000 \/ é")").value() ==
        std::string("\xF0\x9F\x98\x80 \0 / \xC3\xA9", 11));
  CHECK(ReadJson("\t\r\n {} \n").value() == nlohmann::json::object());
}

TEST_CASE("Messages show foreign keys short and printable", "[base]") {
  const std::string key(1000, 'k');
  const absl::Status status = ReadJson("{\"" + key + "\":1,\"" + key + "\":2}").status();
  CHECK(status.message().size() < 400);
  const absl::Status control = ReadJson("{\"\\u001b[31m\":1,\"\\u001b[31m\":2}").status();
  CHECK(control.message().find('\x1b') == absl::string_view::npos);
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

TEST_CASE("Unknown keys are refused by name", "[base]") {
  REQUIRE_OK_AND_ASSIGN(const nlohmann::json json, ReadJson(R"({"a":1,"b":2})"));
  REQUIRE_OK(CheckJsonKeys(json, {"a", "b", "c"}));
  const absl::Status status = CheckJsonKeys(json, {"a"});
  REQUIRE_STATUS(status, absl::StatusCode::kInvalidArgument, "JSON_INVALID");
  CHECK(GetErrorDetail(status)->text.metadata.at("field") == "b");
  CHECK_FALSE(CheckJsonKeys(nlohmann::json::array(), {}).ok());
  CHECK_FALSE(JsonInt(nlohmann::json(3), "a").ok());
}

}  // namespace
}  // namespace kalavai

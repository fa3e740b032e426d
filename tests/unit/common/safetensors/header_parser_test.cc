// Goal: strings are read as JSON means them, and errors say where.
// Method: escapes in names with their meaning; offsets of errors. (Verdicts: header_test.cc.)
#include "common/safetensors/header_parser.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

std::string HeaderOf(const std::string& name) {
  return absl::StrCat("{\"", name, R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})");
}

TEST_CASE("Escapes in a name mean what JSON says") {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {R"(a\"\\\/\b\f\n\r\t)", "a\"\\/\b\f\n\r\t"},
      {R"(\u0041\u00e9\u20AC)", "A\xC3\xA9\xE2\x82\xAC"},
      {R"(\ud83d\ude00)", "\xF0\x9F\x98\x80"},
      {"", ""},
  };
  for (const auto& [escaped, meaning] : rows) {
    INFO(escaped);
    REQUIRE_OK_AND_ASSIGN(const UncheckedHeader header, ParseHeaderText(HeaderOf(escaped)));
    REQUIRE(header.tensors.size() == 1);
    REQUIRE(header.tensors[0].name == meaning);
  }
}

TEST_CASE("An escape cut short or a control character is refused") {
  for (const std::string name :
       {R"(\)", R"(\u)", R"(\u12)", R"(\u12g4)", R"(\ud83d\u0041)", R"(\ud83dx)", "\n", "\x1f"}) {
    INFO(name);
    REQUIRE_STATUS(ParseHeaderText(HeaderOf(name)), absl::StatusCode::kInvalidArgument,
                   "SAFETENSORS_SYNTAX");
  }
}

TEST_CASE("An error names the tensor, escaped, and the byte") {
  const auto header = ParseHeaderText("{\"a\\n\":{\"dtype\":7}}");
  const auto detail = GetErrorDetail(header.status());
  REQUIRE(detail.has_value());
  REQUIRE(detail->text.metadata.at("defect") == "SYNTAX");
  REQUIRE(detail->text.metadata.at("tensor") == "a\\n");
  REQUIRE(detail->text.metadata.at("offset") == "16");
}

}  // namespace
}  // namespace kalavai

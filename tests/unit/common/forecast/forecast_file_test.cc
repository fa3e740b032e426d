// Goal: a file of losses is read as documented, and every defect is refused with its place.
// Method: one good file with one thing wrong at a time.
#include "common/forecast/forecast_file.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

#include "common/base/errors.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

constexpr char kGood[] =
    R"({"base":{"a":3,"b":4.5},"specialists":{"a":{"a":2,"b":4},"b":{"a":3,"b":3.5}},)"
    R"("fused":{"a":2.25,"b":3.5},"own":{"b":"b"}})";

TEST_CASE("Domains and specialists are sorted, the base comes first", "[forecast]") {
  REQUIRE_OK_AND_ASSIGN(const ForecastFile file, ReadForecastFile(kGood));
  CHECK(file.matrix.domains == std::vector<std::string>{"a", "b"});
  CHECK(file.matrix.models == std::vector<std::string>{"base", "a", "b"});
  CHECK(file.matrix.loss == std::vector<std::vector<double>>{{3, 4.5}, {2, 4}, {3, 3.5}});
  CHECK(file.matrix.own_domain == std::vector<int>{0, 1});
  CHECK(file.fused == std::vector<double>{2.25, 3.5});
  REQUIRE_OK(ValidateLossMatrix(file.matrix));
  REQUIRE_OK_AND_ASSIGN(const ForecastFile bare,
                        ReadForecastFile(R"({"base":{"z":1},"own":{"x":"z","base":"z"},
                                             "specialists":{"x":{"z":1},"base":{"z":2}}})"));
  CHECK_FALSE(bare.fused.has_value());
  CHECK(bare.matrix.models == std::vector<std::string>{"(base)", "base", "x"});
  CHECK(bare.matrix.own_domain == std::vector<int>{0, 0});
}

TEST_CASE("One thing wrong is refused with its reason and place", "[forecast]") {
  struct Case {
    const char* from;
    const char* to;
    const char* reason;
    const char* place;
  };
  const Case cases[] = {
      {R"("a":3,)", R"("a":0,)", "LOSS_MATRIX_INVALID", "$.base.a:"},
      {R"("a":3,)", R"("a":-0,)", "LOSS_MATRIX_INVALID", "$.base.a:"},
      {R"("a":3,)", R"("a":-3,)", "LOSS_MATRIX_INVALID", "$.base.a:"},
      {R"("a":3,)", R"("a":-9223372036854775808,)", "LOSS_MATRIX_INVALID", "$.base.a:"},
      {R"("a":3,)", R"("a":1e-320,)", "LOSS_MATRIX_INVALID", "$.base.a:"},
      {R"("a":3,)", R"("a":9.99e-7,)", "LOSS_MATRIX_INVALID", "$.base.a:"},
      {R"("a":3,)", R"("a":1000000.001,)", "LOSS_MATRIX_INVALID", "$.base.a:"},
      {R"("a":3,)", R"("a":1e308,)", "LOSS_MATRIX_INVALID", "$.base.a:"},
      {R"("a":3,)", R"("a":"3",)", "LOSS_MATRIX_INVALID", "$.base.a:"},
      {R"("a":3,)", R"("a":true,)", "LOSS_MATRIX_INVALID", "$.base.a:"},
      {R"("a":3,)", R"("a":null,)", "LOSS_MATRIX_INVALID", "$.base.a:"},
      {R"("a":3,)", R"("a":[3],)", "LOSS_MATRIX_INVALID", "$.base.a:"},
      {R"("a":2,)", R"("a":{},)", "LOSS_MATRIX_INVALID", "$.specialists.a.a:"},
      {R"("a":2.25,)", R"("a":0,)", "LOSS_MATRIX_INVALID", "$.fused.a:"},
      {R"("a":3,)", R"("a":NaN,)", "JSON_INVALID", "$.base"},
      {R"("a":3,)", R"("a":-Infinity,)", "JSON_INVALID", "$.base"},
      {R"("a":3,)", R"("a":1e400,)", "JSON_INVALID", "$.base.a"},
      {R"("a":3,)", R"("a":3,"a":3,)", "JSON_INVALID", "$.base.a"},
      {R"("a":3,)", R"("a":3,"\u0061":3,)", "JSON_INVALID", "$.base.a"},
      {R"("a":3,)", "\"\xff\":3,", "JSON_INVALID", "not UTF-8 at byte"},
      {R"(}})", R"(}}x)", "JSON_INVALID", "syntax"},
      {R"("a":2,)", "", "EVALUATION_MISSING", "$.specialists.a.a:"},
      {R"("a":2.25,)", "", "EVALUATION_MISSING", "$.fused.a:"},
      {R"("a":2,)", R"("a":2,"c":1,)", "FORECAST_FILE_INVALID", "$.specialists.a.c:"},
      {R"("a":2.25,)", R"("a":2.25,"c":1,)", "FORECAST_FILE_INVALID", "$.fused.c:"},
      {R"("a":3,)", R"("a":3,"":3,)", "FORECAST_FILE_INVALID", "$.base:"},
      {R"("a":{"a":2,)", R"("":{"a":2,)", "FORECAST_FILE_INVALID", "$.specialists:"},
      {R"({"a":3,"b":4.5})", "[]", "FORECAST_FILE_INVALID", "$.base:"},
      {R"({"a":3,"b":4.5})", "{}", "FORECAST_FILE_INVALID", "$.base:"},
      {R"("base":{"a":3,"b":4.5},)", "", "FORECAST_FILE_INVALID", "$.base:"},
      {R"("base":)", R"("more":1,"base":)", "FORECAST_FILE_INVALID", "$.more:"},
      {R"({"a":2.25,"b":3.5})", "null", nullptr, ""},
      {R"({"a":2.25,"b":3.5})", "{}", "EVALUATION_MISSING", "$.fused.a:"},
      {R"({"a":2.25,"b":3.5})", "false", "FORECAST_FILE_INVALID", "$.fused:"},
      {R"({"b":"b"})", "null", nullptr, ""},
      {R"({"a":2,"b":4})", "7", "FORECAST_FILE_INVALID", "$.specialists.a:"},
      {R"({"b":"b"})", "[]", "FORECAST_FILE_INVALID", "$.own:"},
      {R"({"b":"b"})", R"({"b":1})", "FORECAST_FILE_INVALID", "$.own.b:"},
      {R"({"b":"b"})", R"({"c":"b"})", "FORECAST_FILE_INVALID", "$.own.c:"},
      {R"({"b":"b"})", R"({"b":"c"})", "OWN_DOMAIN_UNKNOWN", "$.own.b:"},
      {R"({"b":"b"})", R"({"b":""})", "OWN_DOMAIN_UNKNOWN", "$.own.b:"},
      {R"("b":{"a":3,)", R"("c":{"a":3,)", "FORECAST_FILE_INVALID", "$.own.b:"},
      {R"(,"own":{"b":"b"}})", R"(,"own":{}})", nullptr, ""},
      {R"("a":{"a":2,)", R"("x":{"a":2,)", "OWN_DOMAIN_UNKNOWN", "$.specialists.x:"},
      {R"("a":{"a":2,"b":4},)", "", nullptr, ""},
  };
  for (const Case& row : cases) {
    const std::string text = absl::StrReplaceAll(kGood, {{row.from, row.to}});
    INFO(text);
    REQUIRE(text != kGood);
    const absl::StatusOr<ForecastFile> file = ReadForecastFile(text);
    if (row.reason == nullptr) {
      CHECK(file.ok());
      continue;
    }
    CHECK(GetErrorReason(file.status()) == row.reason);
    CHECK(absl::StrContains(file.status().message(), row.place));
    const auto detail = GetErrorDetail(file.status());
    REQUIRE(detail.has_value());
    CHECK_FALSE(detail->text.why.empty());
    CHECK_FALSE(detail->text.fix.empty());
  }
}

TEST_CASE("What is no object, or too large, is refused", "[forecast]") {
  for (const std::string& text : {std::string(), std::string("[]"), std::string("3"),
                                  std::string("{}"), std::string((size_t{1} << 20) + 1, ' ')}) {
    CHECK_FALSE(ReadForecastFile(text).ok());
  }
  CHECK(GetErrorReason(ReadForecastFile(R"({"base":{"a":1},"specialists":{}})").status()) ==
        "NOT_ENOUGH_SPECIALISTS");
}

TEST_CASE("Foreign names are cut and made printable in messages", "[forecast]") {
  const std::string name(5000, 'n');
  const std::string text =
      R"({"base":{"a":1},"specialists":{"a":{"a":1},")" + name + "\\u001b[31m" + R"(":{"a":1}}})";
  const absl::Status status = ReadForecastFile(text).status();
  CHECK(GetErrorReason(status) == "OWN_DOMAIN_UNKNOWN");
  CHECK(status.message().size() < 300);
  const std::string escape =
      R"({"base":{"a\u001b":1},"specialists":{"a\u001b":{"a\u001b":0},"b":{}}})";
  CHECK_FALSE(absl::StrContains(ReadForecastFile(escape).status().message(), "\x1b"));
}

}  // namespace
}  // namespace kalavai

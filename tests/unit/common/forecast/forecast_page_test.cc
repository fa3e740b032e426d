// Goal: answers have the documented fields and no others; pages show what a person needs.
// Method: a file with and without a fused model, and one with names made to confuse a terminal.
#include "common/forecast/forecast_page.h"

#include <set>
#include <string>

#include "absl/strings/match.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

constexpr char kLosses[] =
    R"({"base":{"law":3,"sea":4},"specialists":{"law":{"law":2,"sea":4.1},"sea":{"law":3,"sea":3}})";

std::set<std::string> Keys(const nlohmann::json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

struct Answer {
  ForecastFile file;
  Line line;
  MatrixForecast forecast = {};
};

Answer Of(const std::string& text) {
  Answer answer{.file = ReadForecastFile(text).value(),
                .line = FitLine("published6", PublishedCalibrationPoints()).value()};
  answer.forecast = ForecastMatrix(answer.file, answer.line).value();
  return answer;
}

TEST_CASE("The answer has the documented fields; what there is none of is null", "[forecast]") {
  const std::set<std::string> wanted = {"divergence_percent",
                                        "mean_divergence_percent",
                                        "ew",
                                        "best_specialist",
                                        "line",
                                        "coverage_gain_percent",
                                        "oracle_gain_percent",
                                        "realised_gain_percent",
                                        "router_gap_nats",
                                        "credit_nats",
                                        "verdict",
                                        "reason"};
  const Answer without = Of(std::string(kLosses) + "}");
  const nlohmann::json json = ForecastJson(without.file, without.forecast);
  CHECK(Keys(json) == wanted);
  CHECK(Keys(json.at("ew")) == std::set<std::string>{"base", "fused", "specialists"});
  CHECK(Keys(json.at("line")) == std::set<std::string>{"gain_percent", "high", "in_range", "low"});
  CHECK(json.at("ew").at("fused").is_null());
  CHECK(json.at("realised_gain_percent").is_null());
  CHECK(json.at("router_gap_nats").is_null());
  CHECK(json.at("verdict") == "GO");
  const Answer with = Of(std::string(kLosses) + R"(,"fused":{"law":2,"sea":3.25}})");
  const nlohmann::json realised = ForecastJson(with.file, with.forecast);
  CHECK(realised.at("ew").at("fused") == 2.625);
  CHECK(realised.at("router_gap_nats") == 0.125);
  CHECK(realised.at("realised_gain_percent").get<double>() == 100 * (3 - 2.625) / 3);
}

TEST_CASE("The page names verdict, basis and data set of the line", "[forecast]") {
  const Answer answer = Of(std::string(kLosses) + "}");
  const std::string page = ForecastPage(answer.file, answer.forecast, answer.line);
  INFO(page);
  for (const char* part : {"GO: ", "the verdict rests on this", "published6, 6 points",
                           "divergence", "mean divergence 29.17 %"}) {
    CHECK(absl::StrContains(page, part));
  }
  CHECK(absl::StrContains(page, "outside: divergence 29.17 %"));
  CHECK_FALSE(absl::StrContains(page, "realised"));
}

TEST_CASE("The matrix marks own domains and ends with the fused model", "[forecast]") {
  const Answer answer = Of(std::string(kLosses) + R"(,"fused":{"law":2,"sea":3.25}})");
  const std::string page = MatrixPage(answer.file);
  INFO(page);
  CHECK(absl::StrContains(page, "*2.0000"));
  CHECK(absl::StrContains(page, "*3.0000"));
  CHECK(absl::StrContains(page, "fused"));
  const nlohmann::json json = MatrixJson(answer.file);
  CHECK(json.at("domains") == nlohmann::json({"law", "sea"}));
  REQUIRE(json.at("rows").size() == 4);
  CHECK(json.at("rows").at(0).at("own_domain").is_null());
  CHECK(json.at("rows").at(1).at("own_domain") == "law");
  CHECK(json.at("rows").at(3).at("model") == "fused");
  CHECK(json.at("rows").at(3).at("ew") == 2.625);
}

TEST_CASE("Credit is told in nats, shares and percent of the base", "[forecast]") {
  const Answer answer = Of(std::string(kLosses) + "}");
  const nlohmann::json json = CreditJson(answer.file);
  CHECK(json.at("total_nats") == 1);
  CHECK(json.at("members").at(0).at("share_percent") == 50);
  REQUIRE_NEAR(json.at("members").at(0).at("relative_percent").get<double>(), 100.0 / 6, 1e-12);
  CHECK(json.at("members").at(1).at("leave_one_out_nats") == 0.5);
  REQUIRE_NEAR(json.at("members").at(0).at("over_own_percent").get<double>(), 100 * 1.1 / 4.1,
               1e-12);
  CHECK(absl::StrContains(CreditPage(answer.file), "100.00 %"));
}

TEST_CASE("Names cannot drive a terminal or stretch a table", "[forecast]") {
  const std::string name = std::string(500, 'n') + "\\u001b[31m";
  const std::string text = R"({"base":{"a\n":1,")" + name +
                           R"(":2},"specialists":{"a\n":{"a\n":1,")" + name + R"(":2},")" + name +
                           R"(":{"a\n":1,")" + name + R"(":1}}})";
  const Answer answer = Of(text);
  for (const std::string& page : {ForecastPage(answer.file, answer.forecast, answer.line),
                                  MatrixPage(answer.file), CreditPage(answer.file)}) {
    CHECK_FALSE(absl::StrContains(page, "\x1b"));
    CHECK_FALSE(absl::StrContains(page, "a\n "));
    CHECK(page.size() < 3000);
  }
}

}  // namespace
}  // namespace kalavai

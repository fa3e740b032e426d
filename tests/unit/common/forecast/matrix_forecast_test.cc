// Goal: every figure of a known loss matrix is design §2's.
// Method: all published matrices against their printed figures and against exact fractions of a
// second implementation (tests/golden/forecast); then small matrices with figures by hand.
#include "common/forecast/matrix_forecast.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/match.h"

#include "common/forecast/forecast_page.h"
#include "common/forecast/interval.h"
#include "tests/support/catch.h"
#include "tests/unit/common/forecast/published_conditions.h"

namespace kalavai {
namespace {

Line PublishedLine() { return FitLine("published6", PublishedCalibrationPoints()).value(); }

MatrixForecast Forecast(const ForecastFile& file) {
  return ForecastMatrix(file, PublishedLine()).value();
}

// Both equal to the last bits of a double.
void RequireClose(const nlohmann::json& found, const nlohmann::json& wanted) {
  INFO(found.dump() << " wanted " << wanted.dump());
  if (wanted.is_object()) {
    REQUIRE(found.size() == wanted.size());
    for (const auto& [key, value] : wanted.items()) RequireClose(found.at(key), value);
    return;
  }
  if (wanted.is_string()) {
    REQUIRE(found == wanted);
    return;
  }
  REQUIRE_NEAR(found.get<double>(), wanted.get<double>(), 2e-11);
}

// What was printed with `digits` digits is its value, rounded.
void RequirePrinted(const nlohmann::json& found, const nlohmann::json& printed, int digits) {
  const double half = 0.5 * std::pow(10, -digits) * 1.000001;
  if (printed.is_object()) {
    REQUIRE(found.size() == printed.size());
    for (const auto& [key, value] : printed.items()) {
      INFO(key);
      REQUIRE_NEAR(found.at(key).get<double>(), value.get<double>(), half);
    }
    return;
  }
  REQUIRE_NEAR(found.get<double>(), printed.get<double>(), half);
}

TEST_CASE("Published figures come out to their printed digits", "[forecast]") {
  for (const PublishedCondition& condition : PublishedConditions()) {
    INFO(condition.id);
    const nlohmann::json answer = ForecastJson(condition.file, Forecast(condition.file));
    const nlohmann::json& printed = condition.printed;
    RequirePrinted(answer.at("divergence_percent"), printed.at("divergence_pct"), 4);
    RequirePrinted(answer.at("mean_divergence_percent"), printed.at("mean_divergence_pct"), 4);
    RequirePrinted(answer.at("ew").at("base"), printed.at("ew_base"), 6);
    RequirePrinted(answer.at("ew").at("specialists"), printed.at("ew_specialists"), 6);
    RequirePrinted(answer.at("ew").at("fused"), printed.at("ew_moe"), 6);
    RequirePrinted(answer.at("realised_gain_percent"), printed.at("gain_vs_best_pct"), 4);
  }
}

TEST_CASE("Line, coverage, oracle and credit are those of exact arithmetic", "[forecast]") {
  for (const PublishedCondition& condition : PublishedConditions()) {
    INFO(condition.id);
    const nlohmann::json answer = ForecastJson(condition.file, Forecast(condition.file));
    const nlohmann::json& design = condition.design;
    for (const char* field : {"divergence_percent", "mean_divergence_percent", "best_specialist",
                              "coverage_gain_percent", "oracle_gain_percent",
                              "realised_gain_percent", "router_gap_nats", "credit_nats"}) {
      INFO(field);
      RequireClose(answer.at(field), design.at(field));
    }
    RequireClose(answer.at("ew").at("base"), design.at("ew_base"));
    RequireClose(answer.at("ew").at("specialists"), design.at("ew_specialists"));
    for (const char* field : {"gain_percent", "low", "high"}) {
      RequireClose(answer.at("line").at(field), design.at("line").at(field));
    }
    const double divergence = answer.at("mean_divergence_percent");
    CHECK(answer.at("line").at("in_range") ==
          (condition.file.matrix.specialists() <= 4 && divergence >= 3 && divergence <= 26));
  }
}

ForecastFile File(const std::string& text) { return ReadForecastFile(text).value(); }

TEST_CASE("A domain without a member counts as one that nobody improves", "[forecast]") {
  const ForecastFile file = File(R"({"base":{"a":2,"b":4,"z":10},
      "specialists":{"a":{"a":1,"b":4,"z":10},"b":{"a":2,"b":2,"z":9}}})");
  const MatrixForecast forecast = Forecast(file);
  REQUIRE_NEAR(forecast.coverage_gain_percent, 100 * 1.0 / (16 - 2), 1e-12);
  // b is best with 13/3; the oracle takes a's 1, b's 2 and b's 9.
  REQUIRE_NEAR(forecast.oracle_gain_percent, 100 * (13.0 - 12) / 13, 1e-12);
  CHECK(file.matrix.models[static_cast<size_t>(forecast.best.model)] == "b");
  CHECK_FALSE(forecast.realised.has_value());
}

TEST_CASE("Several specialists of a domain share it: the best one covers it", "[forecast]") {
  const ForecastFile file = File(R"({"base":{"a":2,"b":4},"own":{"x":"a","y":"a"},
      "specialists":{"x":{"a":1,"b":4},"y":{"a":1.5,"b":4},"b":{"a":2,"b":3}}})");
  const MatrixForecast forecast = Forecast(file);
  REQUIRE_NEAR(forecast.coverage_gain_percent, 100 * 1.0 / (6 - 1), 1e-12);
  REQUIRE_NEAR(forecast.divergence.mean_percent.value(), (50.0 + 25 + 25) / 3, 1e-12);
  const nlohmann::json credit = CreditJson(file).at("members");
  REQUIRE_NEAR(credit.at(1).at("nats").get<double>(), (0.25 + 0.5) / 2, 1e-12);  // x
  REQUIRE_NEAR(credit.at(2).at("nats").get<double>(), 0.25 / 2, 1e-12);          // y
  CHECK(credit.at(2).at("leave_one_out_nats") == 0);
}

TEST_CASE("What only beats bad specialists, not the base, is no reason to fuse", "[forecast]") {
  // Both specialists are worse than the base on every domain: the oracle is the base.
  const ForecastFile worse = File(R"({"base":{"a":2,"b":2},
      "specialists":{"a":{"a":2.5,"b":4},"b":{"a":4,"b":2.5}}})");
  const MatrixForecast forecast = Forecast(worse);
  REQUIRE_NEAR(forecast.oracle_gain_percent, 100 * (6.5 - 4) / 6.5, 1e-12);
  CHECK(forecast.decision.verdict == Verdict::kNoGo);
  CHECK(absl::StrContains(forecast.decision.reason, "over the base"));
  CHECK(forecast.coverage_gain_percent == 0);
  CHECK(forecast.credit.total == 0);
  const nlohmann::json credit = CreditJson(worse);
  CHECK(credit.at("members").at(0).at("share_percent").is_null());
}

TEST_CASE("GO, UNSURE and NO_GO follow the oracle's gain and its margin", "[forecast]") {
  struct Case {
    double improvement;  // of b on its own domain, from 10 where EW(best) is that of a
    Verdict verdict;
  };
  const Case cases[] = {{0, Verdict::kNoGo},      {0.05, Verdict::kNoGo},   {0.09, Verdict::kNoGo},
                        {0.11, Verdict::kUnsure}, {0.18, Verdict::kUnsure}, {0.21, Verdict::kGo},
                        {5, Verdict::kGo}};
  for (const Case& row : cases) {
    INFO(row.improvement);
    LossMatrix matrix{.domains = {"a", "b"},
                      .models = {"base", "a", "b"},
                      .loss = {{15, 10}, {10, 10}, {15, 10 - row.improvement}},
                      .own_domain = {0, 1}};
    const MatrixForecast forecast = Forecast({.matrix = matrix});
    CHECK(forecast.decision.verdict == row.verdict);
    CHECK(forecast.decision.predictor == Predictor::kOracle);
  }
}

TEST_CASE("A router that collapsed is named, a sound one is not", "[forecast]") {
  for (const PublishedCondition& condition : PublishedConditions()) {
    const std::string& reason = Forecast(condition.file).decision.reason;
    if (condition.id == "crosslingual_s42") CHECK(absl::StrContains(reason, "collapsed"));
    if (condition.id == "crosslingual_s137") CHECK_FALSE(absl::StrContains(reason, "collapsed"));
  }
}

TEST_CASE("A member wins the domains of the others", "[forecast]") {
  ForecastFile file = File(R"({"base":{"a":2,"b":4,"c":4},
      "specialists":{"a":{"a":1,"b":5,"c":4},"b":{"a":2,"b":2,"c":4}}})");
  std::vector<MemberValue> values = MemberValues(file);  // oracle: 1, 2, 4
  REQUIRE_NEAR(values[0].over_own_percent.value(), 100 * (9.0 - 6) / 9, 1e-12);
  REQUIRE_NEAR(values[0].over_base_percent.value(), 100 * (8.0 - 6) / 8, 1e-12);
  REQUIRE_NEAR(values[1].over_own_percent.value(), 100 * (6.0 - 5) / 6, 1e-12);
  file.fused = std::vector<double>{1, 3, 4};
  values = MemberValues(file);
  REQUIRE_NEAR(values[0].over_own_percent.value(), 100 * (9.0 - 7) / 9, 1e-12);
  // One domain only: there are no others.
  const ForecastFile lonely =
      File(R"({"base":{"a":2},"own":{"x":"a"},"specialists":{"a":{"a":1},"x":{"a":1.5}}})");
  CHECK_FALSE(MemberValues(lonely)[0].over_own_percent.has_value());
}

TEST_CASE("The largest and smallest losses give finite figures", "[forecast]") {
  for (const char* text : {
           R"({"base":{"a":1e-6,"b":1e6},
               "specialists":{"a":{"a":1e6,"b":1e-6},"b":{"a":1e-6,"b":1e6}}})",
           R"({"base":{"a":1e6},"own":{"b":"a"},"specialists":{"a":{"a":1e-6},"b":{"a":1e6}}})",
       }) {
    const ForecastFile file = File(text);
    const std::string answer = ForecastJson(file, Forecast(file)).dump();
    INFO(answer);
    CHECK_FALSE(absl::StrContains(answer, "inf"));
    CHECK(nlohmann::json::parse(answer).at("divergence_percent").at("a").is_number());
  }
}

TEST_CASE("A specialist that its own domain does not gain from is named", "[forecast]") {
  const ForecastFile file = File(R"({"base":{"a":4,"b":4,"c":4},"specialists":{
      "a":{"a":2,"b":4,"c":4},"b":{"a":4,"b":4.1,"c":4},"c":{"a":4,"b":4,"c":4}}})");
  const std::string reason = Forecast(file).decision.reason;
  INFO(reason);
  CHECK(absl::StrContains(reason, "b (-2.50 %), c (0.00 %)"));
  CHECK_FALSE(absl::StrContains(reason, "a ("));
  CHECK_FALSE(absl::StrContains(Forecast(File(R"({"base":{"a":4,"b":4},"specialists":{
          "a":{"a":2,"b":4},"b":{"a":4,"b":3}}})"))
                                    .decision.reason,
                                "quarantined"));
}

TEST_CASE("Assumed rows widen the interval by the coverage estimate's own error", "[forecast]") {
  const ForecastFile file = File(R"({"base":{"a":4,"b":4},"specialists":{
      "a":{"a":3,"b":4},"b":{"a":4,"b":3}}})");
  const Estimate measured = Forecast(file).decision.estimate;
  REQUIRE_OK_AND_ASSIGN(const MatrixForecast assumed, ForecastMatrix(file, PublishedLine(), 1));
  const Estimate& wide = assumed.decision.estimate;
  CHECK(wide.gain_percent == measured.gain_percent);
  REQUIRE_NEAR(measured.interval.high - measured.gain_percent, kOracleErrorPercent, 1e-12);
  REQUIRE_NEAR(wide.interval.high - wide.gain_percent,
               std::hypot(kOracleErrorPercent, 1.96 * CoverageModelError(25)), 1e-12);
  CHECK(absl::StrContains(assumed.decision.reason, "taken for the base"));
}

}  // namespace
}  // namespace kalavai

// Goal: the forecast is design §2's arithmetic on what members reported.
// Method: two domains with figures worked out by hand; the oracle takes over when it is known.
#include "coordinator/prediction/gain_forecast.h"

#include <cmath>
#include <limits>

#include "absl/strings/match.h"

#include "common/base/limits.h"
#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

MeasurementRow Reported(const char* who, const char* domain, double base, double own) {
  return {.cooperative = "c",
          .contributor = who,
          .domain = domain,
          .base_loss = base,
          .own_loss = own,
          .improvement_standard_error = 0.01,
          .held_out_tokens = 16'384};
}

TEST_CASE("Coverage over two domains, the larger improvement of a shared one counting") {
  // B = (4, 3); R = (1.0, 0.5): 100 * (1.5 - 1.0) / (7 - 1.0).
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3.5), Reported("b", "legal", 4, 3.0),
                        Reported("c", "medical", 3, 2.5)};
  REQUIRE_OK_AND_ASSIGN(const Forecast forecast, ForecastGain(input));
  REQUIRE_NEAR(forecast.coverage.gain_percent, 100 * 0.5 / 6, 1e-9);
  REQUIRE_NEAR(forecast.mean_divergence_percent, (12.5 + 25 + 100.0 / 6) / 3, 1e-9);
  REQUIRE(forecast.calibration_points == 6);
  REQUIRE(forecast.decision.predictor == Predictor::kCoverage);
  REQUIRE(forecast.decision.verdict == Verdict::kGo);
  REQUIRE_NEAR(forecast.members[0].other_domains_percent, 100 * 0.5 / 3, 1e-9);
  REQUIRE_NEAR(forecast.members[2].other_domains_percent, 25, 1e-9);

  input.oracle = Estimate{.gain_percent = 0.1, .interval = {.low = 0, .high = 0.2}};
  input.finished_fusions = {
      {.source = "f", .specialists = 3, .divergence_percent = 10, .gain_percent = 5}};
  REQUIRE_OK_AND_ASSIGN(const Forecast later, ForecastGain(input));
  REQUIRE(later.calibration_points == 7);
  REQUIRE(later.decision.predictor == Predictor::kOracle);
  REQUIRE(later.decision.verdict == Verdict::kNoGo);
}

TEST_CASE("An evaluation domain that nobody reported counts, and nobody improves it") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3), Reported("b", "medical", 3, 2.5),
                        Reported("c", "sea", 5, 4)};
  input.evaluation_domains = {"legal", "medical", "sea"};
  REQUIRE_OK_AND_ASSIGN(const Forecast all, ForecastGain(input));
  REQUIRE_NEAR(all.coverage.gain_percent, 100 * (2.5 - 1) / (12 - 1), 1e-9);
  // c has left; its domain's text has not. B of it: the mean of the others, 3.5.
  input.measurements.pop_back();
  REQUIRE_OK_AND_ASSIGN(const Forecast left, ForecastGain(input));
  REQUIRE_NEAR(left.coverage.gain_percent, 100 * (1.5 - 1) / (4 + 3 + 3.5 - 1), 1e-9);
  REQUIRE_NEAR(left.members[0].other_domains_percent, 100 * 0.5 / 6.5, 1e-9);
  // A row says what it is.
  input.measurements[0].row = {
      {.domain = "sea", .base_loss = 5.5, .own_loss = 5.5, .tokens = 8192, .text = {}}};
  REQUIRE_OK_AND_ASSIGN(const Forecast measured, ForecastGain(input));
  REQUIRE_NEAR(measured.coverage.gain_percent, 100 * (1.5 - 1) / (4 + 3 + 5.5 - 1), 1e-9);
  input.measurements.push_back(Reported("d", "cloud", 4, 3.5));
  REQUIRE_OK_AND_ASSIGN(const Forecast more, ForecastGain(input));
  REQUIRE_NEAR(more.members[2].gain_without_percent.value(), measured.coverage.gain_percent, 1e-9);
}

TEST_CASE("What the reader must know ends the reason; a question has none of it") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3), Reported("b", "medical", 3, 2.5)};
  input.notes = {"not yet reported: eve", "the oracle is left out"};
  REQUIRE_OK_AND_ASSIGN(const Forecast forecast, ForecastGain(input));
  CHECK(
      absl::EndsWith(forecast.decision.reason, "; not yet reported: eve; the oracle is left out"));
  REQUIRE_OK_AND_ASSIGN(const ForecastInput asked, AskWhatIf(input, {}, {{"sea", 5, 4}}));
  CHECK(asked.notes.empty());
}

TEST_CASE("Members of one domain have nothing to give each other") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3), Reported("b", "legal", 4, 3)};
  REQUIRE_OK_AND_ASSIGN(const Forecast forecast, ForecastGain(input));
  REQUIRE_NEAR(forecast.coverage.gain_percent, 0, 1e-9);
  REQUIRE(forecast.decision.verdict != Verdict::kGo);
  REQUIRE(forecast.members[0].other_domains_percent == 0);
}

TEST_CASE("A member that gave no standard error widens the interval") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3), Reported("b", "medical", 3, 2.5)};
  REQUIRE_OK_AND_ASSIGN(const Forecast known, ForecastGain(input));
  input.measurements[1].improvement_standard_error = 0;
  REQUIRE_OK_AND_ASSIGN(const Forecast unknown, ForecastGain(input));
  const auto width = [](const Estimate& e) { return e.interval.high - e.interval.low; };
  REQUIRE(width(unknown.coverage) > width(known.coverage));
}

TEST_CASE("The line is fitted on the points that were asked for") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3.5), Reported("b", "medical", 3, 2.5)};
  input.finished_fusions = {
      {.source = "f", .specialists = 2, .divergence_percent = 10, .gain_percent = 5},
      {.source = "g", .specialists = 2, .divergence_percent = 20, .gain_percent = 9}};
  struct Case {
    const char* set;
    int points;
    const char* name;
  };
  const Case cases[] = {{"all", 8, "published6 and 2 finished here"},
                        {"published6", 6, "published6"},
                        {"published8", 8, "published8"}};
  for (const Case& row : cases) {
    input.calibration = row.set;
    REQUIRE_OK_AND_ASSIGN(const Forecast forecast, ForecastGain(input));
    CHECK(forecast.calibration_points == row.points);
    CHECK(forecast.calibration == row.name);
  }
  input.calibration = "own";
  REQUIRE_STATUS(ForecastGain(input), absl::StatusCode::kInvalidArgument, "CALIBRATION_INVALID");
  input.finished_fusions.push_back(
      {.source = "h", .specialists = 2, .divergence_percent = 15, .gain_percent = 7});
  REQUIRE_OK_AND_ASSIGN(const Forecast own, ForecastGain(input));
  REQUIRE_NEAR(own.line.estimate.gain_percent, 5 + 0.4 * (own.mean_divergence_percent - 10), 1e-9);
  input.calibration = "published7";
  REQUIRE_STATUS(ForecastGain(input), absl::StatusCode::kInvalidArgument, "CALIBRATION_UNKNOWN");
}

DomainLossesRow RowOn(const char* domain, double base, double own) {
  return {.domain = domain,
          .base_loss = base,
          .own_loss = own,
          .improvement_standard_error = 0.001,
          .tokens = 32 * 255,
          .text = Sha256Of(domain)};
}

// legal helps medical a tenth; medical harms welsh; welsh changes nothing.
ForecastInput WithRows() {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3), Reported("b", "medical", 3, 2.5),
                        Reported("c", "welsh", 5, 4)};
  input.measurements[0].row = {RowOn("legal", 4, 3), RowOn("medical", 3, 2.7),
                               RowOn("welsh", 5, 5)};
  input.measurements[1].row = {RowOn("legal", 4, 4), RowOn("medical", 3, 2.5),
                               RowOn("welsh", 5, 6)};
  input.measurements[2].row = {RowOn("legal", 4, 4), RowOn("medical", 3, 3), RowOn("welsh", 5, 4)};
  return input;
}

TEST_CASE("Complete rows are the verdict's ground, behind the true oracle", "[prediction]") {
  ForecastInput input = WithRows();
  REQUIRE_OK_AND_ASSIGN(const Forecast forecast, ForecastGain(input));
  REQUIRE(forecast.rows.has_value());
  CHECK(forecast.rows_note.empty());
  CHECK(forecast.decision.predictor == Predictor::kRows);
  // Sums over the domains: a 10.7, b 12.5, c 11; the oracle 3 + 2.5 + 4.
  REQUIRE_NEAR(forecast.rows->gain_percent, 100 * (10.7 - 9.5) / 10.7, 1e-9);
  CHECK(forecast.rows->interval.low < forecast.rows->gain_percent);
  // a on medical and welsh: the base 8, its own 7.7, fused 6.5.
  REQUIRE_NEAR(forecast.members[0].other_domains_percent, 100 * 1.5 / 8, 1e-9);
  REQUIRE_NEAR(forecast.members[0].over_own_percent.value(), 100 * 1.2 / 7.7, 1e-9);
  // Without c: legal and medical; a has 5.7, the oracle 5.5.
  REQUIRE_NEAR(forecast.members[2].gain_without_percent.value(), 100 * 0.2 / 5.7, 1e-9);
  input.oracle = Estimate{.gain_percent = 9, .interval = {.low = 8, .high = 10}};
  REQUIRE_OK_AND_ASSIGN(const Forecast later, ForecastGain(input));
  CHECK(later.decision.predictor == Predictor::kOracle);
  CHECK(later.rows.has_value());
}

TEST_CASE("Rows that lack something are not used, and the reason says who lacks what",
          "[prediction]") {
  ForecastInput input = WithRows();
  input.measurements[1].row.clear();
  input.measurements[2].row.pop_back();  // its own domain: its own text stands in
  input.measurements[0].row.erase(input.measurements[0].row.begin() + 1);
  REQUIRE_OK_AND_ASSIGN(const Forecast partly, ForecastGain(input));
  CHECK_FALSE(partly.rows.has_value());
  CHECK(partly.decision.predictor == Predictor::kCoverage);
  const std::string note = "rows not yet measured: a on medical; b on legal, medical, welsh";
  CHECK(partly.rows_note == note);
  CHECK(partly.decision.reason.find(note) != std::string::npos);
  CHECK_FALSE(partly.members[0].over_own_percent.has_value());
  for (MeasurementRow& row : input.measurements) row.row.clear();
  REQUIRE_OK_AND_ASSIGN(const Forecast none, ForecastGain(input));
  CHECK(none.rows_note.find("predict --rows") != std::string::npos);
  CHECK(none.decision.reason.find("rows") == std::string::npos);  // nobody began
}

TEST_CASE("A member that could not measure its own domain is taken at its two losses",
          "[prediction]") {
  ForecastInput input = WithRows();
  input.measurements[2].row.pop_back();
  REQUIRE_OK_AND_ASSIGN(const Forecast forecast, ForecastGain(input));
  REQUIRE(forecast.rows.has_value());
  REQUIRE_NEAR(forecast.rows->gain_percent, 100 * (10.7 - 9.5) / 10.7, 1e-9);
}

TEST_CASE("Who contradicts the others on the base is named, and nothing rests on it",
          "[prediction]") {
  ForecastInput input = WithRows();
  input.measurements[2].row[0].base_loss = 6;
  input.measurements[2].row[0].own_loss = 6;
  REQUIRE_OK_AND_ASSIGN(const Forecast forecast, ForecastGain(input));
  CHECK_FALSE(forecast.rows.has_value());
  CHECK(forecast.decision.predictor == Predictor::kCoverage);
  CHECK(forecast.decision.reason.find("on legal c 6.0000") != std::string::npos);
}

TEST_CASE("Rows where the base is better than every specialist are judged over the base",
          "[prediction]") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3.99), Reported("b", "medical", 3, 2.99)};
  input.measurements[0].row = {RowOn("legal", 4, 3.99), RowOn("medical", 3, 5)};
  input.measurements[1].row = {RowOn("legal", 4, 6), RowOn("medical", 3, 2.99)};
  REQUIRE_OK_AND_ASSIGN(const Forecast forecast, ForecastGain(input));
  CHECK(forecast.rows->gain_percent > 20);
  CHECK(forecast.decision.verdict == Verdict::kNoGo);
  CHECK(forecast.decision.reason.find("over the base") != std::string::npos);
}

TEST_CASE("A question about planned members has no rows, one about leaving has", "[prediction]") {
  const ForecastInput input = WithRows();
  REQUIRE_OK_AND_ASSIGN(const ForecastInput fewer, AskWhatIf(input, {"c"}, {}));
  REQUIRE_OK_AND_ASSIGN(const Forecast without, ForecastGain(fewer));
  REQUIRE(without.rows.has_value());
  REQUIRE_NEAR(without.rows->gain_percent, 100 * 0.2 / 5.7, 1e-9);
  REQUIRE_OK_AND_ASSIGN(const ForecastInput more, AskWhatIf(input, {}, {{"tamil", 10, 8}}));
  REQUIRE_OK_AND_ASSIGN(const Forecast with, ForecastGain(more));
  CHECK_FALSE(with.rows.has_value());
  CHECK(with.rows_note.find("planned-1 on") != std::string::npos);
}

TEST_CASE("What would be without a member, and with a planned one") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3), Reported("b", "medical", 3, 2.5),
                        Reported("c", "welsh", 5, 4)};
  input.oracle = Estimate{.gain_percent = 9};
  REQUIRE_OK_AND_ASSIGN(const Forecast now, ForecastGain(input));
  REQUIRE_NEAR(now.members[2].gain_without_percent.value(), 100 * 0.5 / (7 - 1), 1e-9);
  REQUIRE_OK_AND_ASSIGN(const ForecastInput asked,
                        AskWhatIf(input, {"c"}, {{"tamil", 10, 8}, {"legal", 4, 2}}));
  CHECK_FALSE(asked.oracle.has_value());
  REQUIRE(asked.measurements.size() == 4);
  REQUIRE_OK_AND_ASSIGN(const Forecast forecast, ForecastGain(asked));
  // B = legal 4, medical 3, tamil 10; R = 2, 0.5, 2.
  REQUIRE_NEAR(forecast.coverage.gain_percent, 100 * 2.5 / (17 - 2), 1e-9);
  CHECK(forecast.coverage.interval.high > forecast.coverage.gain_percent);
  input.measurements.pop_back();
  REQUIRE_OK_AND_ASSIGN(const Forecast two, ForecastGain(input));
  CHECK_FALSE(two.members[0].gain_without_percent.has_value());
}

TEST_CASE("Where the base is better than every specialist, the gain over it is judged") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3), Reported("b", "medical", 3, 2.5)};
  input.oracle = Estimate{.gain_percent = 30, .interval = {.low = 29, .high = 31}};
  REQUIRE_OK_AND_ASSIGN(const Forecast over_best, ForecastGain(input));
  CHECK(over_best.decision.verdict == Verdict::kGo);
  input.oracle_over_base_percent = -0.25;
  REQUIRE_OK_AND_ASSIGN(const Forecast over_base, ForecastGain(input));
  CHECK(over_base.decision.verdict == Verdict::kNoGo);
  CHECK(over_base.decision.reason.find("over the base") != std::string::npos);
  CHECK(over_base.oracle->gain_percent == 30);  // the estimate is told as it is
}

TEST_CASE("Questions that make no sense are refused") {
  ForecastInput input;
  input.measurements = {Reported("a", "legal", 4, 3), Reported("b", "medical", 3, 2.5)};
  const double nan = std::nan("");
  const PlannedMember plans[] = {{"", 4, 3},
                                 {std::string(64, 'd'), 4, 3},
                                 {"d", 0, 3},
                                 {"d", 5e-324, 3},  // a percentage of it would be infinite
                                 {"d", 3, 9.9e-7},
                                 {"d", 4, -1},
                                 {"d", 101, 3},
                                 {"d", nan, 3},
                                 {"d", 4, std::numeric_limits<double>::infinity()}};
  for (const PlannedMember& plan : plans) {
    REQUIRE_STATUS(AskWhatIf(input, {}, {plan}), absl::StatusCode::kInvalidArgument,
                   "WHAT_IF_INVALID");
  }
  for (const std::vector<std::string>& without :
       {std::vector<std::string>{"nobody"}, {"a", "a"}, {""}}) {
    REQUIRE_STATUS(AskWhatIf(input, without, {}), absl::StatusCode::kInvalidArgument,
                   "WHAT_IF_INVALID");
  }
  REQUIRE_STATUS(AskWhatIf(input, {"a"}, {}), absl::StatusCode::kFailedPrecondition,
                 "NOT_ENOUGH_SPECIALISTS");
  std::vector<PlannedMember> many(limits::kPlannedMembersMax, {"d", 4, 3});
  REQUIRE_OK(AskWhatIf(input, {}, many));
  many.emplace_back(many[0]);
  REQUIRE_STATUS(AskWhatIf(input, {}, many), absl::StatusCode::kInvalidArgument, "WHAT_IF_INVALID");
}

}  // namespace
}  // namespace kalavai::coordinator

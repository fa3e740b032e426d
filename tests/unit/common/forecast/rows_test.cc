// Goal: the estimate from members' rows is the oracle's formula on their matrix, and nothing is
// estimated from rows that lack a domain or contradict each other.
// Method: two and three members with figures worked out by hand, one field wrong at a time.
#include "common/forecast/rows.h"

#include <cmath>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

const std::vector<std::string> kDomains = {"law", "sea"};

RowLosses Losses(double base, double own) {
  return {.base_loss = base, .own_loss = own, .standard_error = 0.01, .chunks = 32, .text = "t"};
}

// ann (law) harms sea; bo (sea) helps law a little.
std::vector<MemberRow> Two() {
  return {{.member = "ann", .own_domain = 0, .losses = {Losses(4, 3), Losses(5, 5.5)}},
          {.member = "bo", .own_domain = 1, .losses = {Losses(4, 3.8), Losses(5, 4)}}};
}

TEST_CASE("The gain is the oracle's of the members' own matrix", "[forecast]") {
  // EW: ann 4.25, bo 3.9; the oracle takes 3 and 4.
  REQUIRE_OK_AND_ASSIGN(const Estimate estimate, EstimateRows(Two(), kDomains, {}));
  const double gain = 100 * (3.9 - 3.5) / 3.9;
  REQUIRE_NEAR(estimate.gain_percent, gain, 1e-12);
  CHECK(estimate.interval.low < gain);
  CHECK(estimate.interval.high > gain);
  // What a gate over three may pay is in the lower end alone, and sampling in both.
  std::vector<MemberRow> exact = Two();
  for (MemberRow& row : exact) {
    for (std::optional<RowLosses>& losses : row.losses) losses->standard_error = 0;
  }
  REQUIRE_OK_AND_ASSIGN(const Estimate sure, EstimateRows(exact, kDomains, {.chunk_tokens = 257}));
  REQUIRE_NEAR(sure.interval.high, gain, 1e-12);
  REQUIRE_NEAR(sure.interval.low, gain - 100 * std::log(3) / 256 / 3.9, 1e-12);
}

TEST_CASE("The base is a row of the matrix, its loss the mean of the reports", "[forecast]") {
  std::vector<MemberRow> rows = Two();
  rows[0].losses[1] = Losses(5.02, 5.522);  // the same ratio on slightly other text
  rows[1].losses[0] = Losses(4, 4.4);
  REQUIRE_OK_AND_ASSIGN(const LossMatrix matrix, MatrixOfRows(rows, kDomains));
  REQUIRE_NEAR(matrix.loss[0][1], 5.01, 1e-12);
  REQUIRE_NEAR(matrix.loss[1][1], 5.511, 1e-12);
  REQUIRE_NEAR(matrix.loss[2][1], 5.01 * 4 / 5, 1e-12);
  CHECK(matrix.own_domain == std::vector<int>{0, 1});
}

TEST_CASE("On a member's own text only the proportion counts", "[forecast]") {
  std::vector<MemberRow> rows = Two();
  rows[0].losses[0] = Losses(8, 6);
  rows[0].losses[0]->own_text = true;
  CHECK(ContradictoryRows(rows, kDomains).empty());
  REQUIRE_OK_AND_ASSIGN(const LossMatrix matrix, MatrixOfRows(rows, kDomains));
  REQUIRE_NEAR(matrix.loss[0][0], 4, 1e-12);
  REQUIRE_NEAR(matrix.loss[1][0], 3, 1e-12);
}

TEST_CASE("A domain that only its owner measured takes the owner's loss of the base",
          "[forecast]") {
  std::vector<MemberRow> rows = {{.member = "ann", .own_domain = 0, .losses = {Losses(8, 6)}}};
  rows[0].losses[0]->own_text = true;
  const std::vector<std::string> law = {"law"};
  REQUIRE_OK_AND_ASSIGN(const LossMatrix matrix, MatrixOfRows(rows, law));
  CHECK(matrix.loss[0][0] == 8);
  CHECK(matrix.loss[1][0] == 6);
}

TEST_CASE("Who has not measured what is told by name", "[forecast]") {
  std::vector<MemberRow> rows = Two();
  CHECK(MissingRows(rows, kDomains).empty());
  rows[0].losses[1].reset();
  rows[1].losses = {std::nullopt, std::nullopt};
  CHECK(MissingRows(rows, kDomains) == "ann on sea; bo on law, sea");
}

TEST_CASE("Reports of the base that contradict each other are named", "[forecast]") {
  std::vector<MemberRow> rows = Two();
  rows.push_back({.member = "cy", .own_domain = 0, .losses = {Losses(4, 4), Losses(5, 5)}});
  CHECK(ContradictoryRows(rows, kDomains).empty());
  struct Case {
    double base;       // of cy on law, the others say 4
    const char* text;  // the others measured "t"
    int64_t chunks;
    bool disputed;
  };
  const Case cases[] = {{4.03, "t", 32, false},  // within 1 % of the same chunks
                        {4.05, "t", 32, true},  {3.95, "t", 32, true},
                        {4.05, "u", 32, false},  // other chunks scatter
                        {4.7, "u", 32, false},  {5.5, "u", 32, true},
                        {5.5, "u", 1, false},   {2, "u", 32, true}};
  for (const Case& row : cases) {
    INFO(row.base << " on " << row.text);
    rows[2].losses[0] =
        RowLosses{.base_loss = row.base, .own_loss = 4, .chunks = row.chunks, .text = row.text};
    const std::string found = ContradictoryRows(rows, kDomains);
    CHECK(found.empty() == !row.disputed);
    if (!row.disputed) continue;
    CHECK(found.find("on law cy ") == 0);  // the one, not the two who agree
    CHECK(found.find("against the others") != std::string::npos);
  }
  rows.erase(rows.begin() + 1);
  rows[1].losses[0] = Losses(5, 4);
  CHECK(ContradictoryRows(rows, kDomains) == "on law ann 4.0000, cy 5.0000 nats/token");
}

TEST_CASE("A standard error larger than the losses widens the interval and refuses nothing",
          "[forecast]") {
  std::vector<MemberRow> rows = Two();
  REQUIRE_OK_AND_ASSIGN(const Estimate known, EstimateRows(rows, kDomains, {}));
  for (std::optional<RowLosses>& losses : rows[0].losses) losses->standard_error = 100;
  REQUIRE_OK_AND_ASSIGN(const Estimate unknown, EstimateRows(rows, kDomains, {}));
  CHECK(unknown.gain_percent == known.gain_percent);
  const auto width = [](const Estimate& e) { return e.interval.high - e.interval.low; };
  CHECK(width(unknown) > 2 * width(known));
  CHECK(std::isfinite(width(unknown)));
  rows[0].losses[0]->standard_error = -1;
  REQUIRE_STATUS(EstimateRows(rows, kDomains, {}), absl::StatusCode::kInvalidArgument,
                 "LOSS_MATRIX_INVALID");
}

}  // namespace
}  // namespace kalavai

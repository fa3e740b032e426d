// Goal: numbers outside their range are refused in a sentence, those at its ends are not, and what
// passes is read as written. Method: the checks called as the parser calls them, then a parser.
#include "common/cli/number_checks.h"

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Numbers at the ends of a range and past them", "[cli]") {
  struct Row {
    CLI::Validator check;
    std::vector<std::string> good, bad;
  };
  const std::vector<Row> rows = {
      {NotNegative(),
       {"0", "-0", "1e300", "9223372036854775807"},
       {"-1", "-1e-9", "nan", "inf", "x", "", " ", " 1", "1 ", "1\n"}},
      {Positive(), {"1", "1e-9"}, {"0", "-1", "nan", "1e999", "1x"}},
      {ShareAboveZero(), {"1", "1e-9", "0.5"}, {"0", "1.0000001", "-0.5", "nan"}},
      {NumberBetween(0, 100),
       {"0", "100", "1e-300"},
       {"-1e-300", "100.0001", "nan", "-nan", "inf", "-inf", "-9223372036854775808"}}};
  for (const Row& row : rows) {
    for (std::string text : row.good) CHECK(row.check(text).empty());
    for (std::string text : row.bad) {
      const std::string message = row.check(text);
      INFO(message);
      CHECK(message.find("must be a number") != std::string::npos);
      CHECK(message.size() < 80);
    }
  }
}

TEST_CASE("Whole numbers at the ends of a range and past them", "[cli]") {
  struct Row {
    CLI::Validator check;
    std::vector<std::string> good, bad;
  };
  const std::vector<Row> rows = {
      {WholeBetween(-3, 20), {"-3", "0", "20"}, {"-4", "21", "-03"}},
      {WholeFromZero(),
       {"0", "1", "9223372036854775807"},
       {"-1", "-9223372036854775808", "9223372036854775808", "99999999999999999999"}},
      {WholeAboveZero(), {"1", "9223372036854775807"}, {"0", "-1", "9223372036854775808"}},
      {AnyUnsigned(),
       {"0", "18446744073709551615"},
       {"-1", "-9223372036854775808", "-0", "18446744073709551616", "99999999999999999999"}}};
  // However wide the range is.
  const std::vector<std::string> never = {"",    "-",   "x",  "1x", "1.5", "1.0", "1e3", "nan",
                                          "inf", "0x1", "01", "00", " 1",  "1 ",  "+1",  "--1"};
  for (const Row& row : rows) {
    for (std::string text : row.good) CHECK(row.check(text).empty());
    std::vector<std::string> bad = row.bad;
    bad.insert(bad.end(), never.begin(), never.end());
    for (std::string text : bad) {
      const std::string message = row.check(text);
      INFO(message);
      CHECK(message.find("must be a whole number from ") != std::string::npos);
      CHECK(message.size() < 110);
    }
  }
  std::string octal = "010";
  CHECK(AnyUnsigned()(octal).find("without leading zeros") != std::string::npos);
}

TEST_CASE("A parser stores the ends of the widest ranges as written", "[cli]") {
  uint64_t seed = 0;
  int64_t steps = 0;
  CLI::App app;
  app.add_option("--seed", seed)->check(AnyUnsigned());
  app.add_option("--steps", steps)->check(WholeFromZero());
  app.parse("--seed 18446744073709551615 --steps=9223372036854775807");
  CHECK(seed == 18446744073709551615U);
  CHECK(steps == 9223372036854775807);
  for (const char* wrong : {"--seed -1", "--seed=-1", "--seed 18446744073709551616", "--steps=-1",
                            "--steps 9223372036854775808"}) {
    INFO(wrong);
    CHECK_THROWS_AS(app.parse(wrong), CLI::ValidationError);
  }
}

}  // namespace
}  // namespace kalavai

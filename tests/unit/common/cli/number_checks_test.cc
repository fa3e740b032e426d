// Goal: numbers outside their range are refused in a sentence, those at its ends are not.
// Method: the checks called as the parser calls them.
#include "common/cli/number_checks.h"

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
       {"-1", "-1e-9", "nan", "inf", "x", ""}},
      {Positive(), {"1", "1e-9"}, {"0", "-1", "nan", "1e999", "1x"}},
      {ShareAboveZero(), {"1", "1e-9", "0.5"}, {"0", "1.0000001", "-0.5", "nan"}}};
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

}  // namespace
}  // namespace kalavai

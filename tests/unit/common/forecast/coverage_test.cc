// Goal: the coverage estimate is its formula, and refuses what is no loss.
// Method: two cooperatives computed by hand, and a table of bad inputs.
#include "common/forecast/coverage.h"

#include <limits>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Coverage counts each domain once, by its best member", "[forecast]") {
  const std::vector<double> base = {3, 4, 2};
  const std::vector<MemberLosses> members = {{0, 3, 2.5}, {0, 3, 2.0}, {1, 4.2, 3.7}, {2, 2, 2.4}};
  REQUIRE_OK_AND_ASSIGN(const Coverage coverage, EstimateCoverage(members, base));
  REQUIRE_NEAR(coverage.domain_improvement[0], 1, 1e-12);
  CHECK(coverage.domain_improvement[2] == 0);
  REQUIRE_NEAR(coverage.gain_percent, 100 * 0.5 / (9 - 1), 1e-12);
}

TEST_CASE("One member alone gains nothing over itself", "[forecast]") {
  REQUIRE_OK_AND_ASSIGN(const Coverage one, EstimateCoverage(std::vector<MemberLosses>{{0, 3, 2}},
                                                             std::vector<double>{3, 4}));
  CHECK(one.gain_percent == 0);
}

TEST_CASE("A loss that is next to nothing beside the base's is still a loss", "[forecast]") {
  REQUIRE_OK_AND_ASSIGN(const Coverage one,
                        EstimateCoverage(std::vector<MemberLosses>{{0, 1e9, 1e-9}, {0, 1e9, 1}},
                                         std::vector<double>{1e9}));
  CHECK(one.gain_percent == 0);
  REQUIRE_OK_AND_ASSIGN(const Coverage two,
                        EstimateCoverage(std::vector<MemberLosses>{{0, 1e9, 1e-9}, {1, 2e-9, 1e-9}},
                                         std::vector<double>{1e9, 2e-9}));
  REQUIRE_NEAR(two.gain_percent, 100.0 / 3, 1e-12);
}

TEST_CASE("Numbers that are no losses are refused", "[forecast]") {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<std::pair<std::vector<MemberLosses>, std::vector<double>>> table = {
      {{}, {}},
      {{}, {0}},
      {{}, {inf}},
      {{{1, 3, 2}}, {3}},
      {{{-1, 3, 2}}, {3}},
      {{{0, -3, 2}}, {3}},
      {{{0, 3, std::numeric_limits<double>::quiet_NaN()}}, {3}},
      {{{0, 9, 1}}, {3}},
  };
  for (const auto& [members, base] : table) {
    REQUIRE_STATUS(EstimateCoverage(members, base), absl::StatusCode::kInvalidArgument,
                   "MEASUREMENT_INVALID");
  }
}

}  // namespace
}  // namespace kalavai

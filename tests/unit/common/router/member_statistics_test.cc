// Goal: statistics are the sums they say they are, they add, and what is not such a sum is refused.
// Method: a text by hand; sums in member order compared bit by bit; a table of broken statistics.
#include "common/router/member_statistics.h"

#include <functional>
#include <limits>
#include <vector>

#include "common/router/ridge_prior.h"
#include "tests/support/catch.h"
#include "tests/unit/common/router/synthetic_probe.h"

namespace kalavai {
namespace {

TEST_CASE("Statistics are the sums over every fourth row", "[router]") {
  // Half-life 1 halves at each token: S = 1, 2.5, 5.25, 10.625 and W = 1, 1.5, 1.75, 1.875 after
  // 1, 2, 3, 4 states; row 4 is the only one of six that counts.
  ClassStatistics statistics = EmptyStatistics("by hand", 1);
  AddText(std::vector<float>{1, 2, 4, 8, 16, 32}, /*half_life=*/1, /*shrinkage=*/8, statistics);
  const double y = 10.625 / 9.875;
  const double fill = 1.875 / 9.875;
  CHECK(statistics.count == 1);
  CHECK(statistics.chunks == 1);
  REQUIRE_NEAR(statistics.sum[0], y, 1e-15);
  REQUIRE_NEAR(statistics.sum[1], fill, 1e-15);
  REQUIRE_NEAR(statistics.product[0], y * y, 1e-15);
  REQUIRE_NEAR(statistics.product[1], y * fill, 1e-15);
  CHECK(statistics.product[2] == statistics.product[1]);
  REQUIRE_NEAR(statistics.product[3], fill * fill, 1e-15);
  AddText(std::vector<float>(4, 1), 1, 8, statistics);  // too short for a fourth row
  CHECK(statistics.count == 1);
  CHECK(statistics.chunks == 2);
}

TEST_CASE("Leaving re-sums to the bits of never having been there", "[router]") {
  const testing::SyntheticProbe probe({.members = 3});
  const std::vector<ClassStatistics> classes = testing::StatisticsOf(probe.Data());
  for (const ClassStatistics& one : classes) REQUIRE_OK(ValidateStatistics(one, 12));
  ClassStatistics with = EmptyStatistics("sum", 12);
  ClassStatistics without = EmptyStatistics("sum", 12);
  for (size_t i = 0; i < classes.size(); ++i) Merge(classes[i], with);
  for (const size_t i : {0u, 2u}) Merge(classes[i], without);
  CHECK(with.count == 3 * without.count / 2);
  CHECK(with.sum != without.sum);
  ClassStatistics again = EmptyStatistics("sum", 12);
  Merge(classes[0], again);
  Merge(classes[2], again);
  CHECK(again.sum == without.sum);
  CHECK(again.product == without.product);
  const std::vector<RidgeClass> rest = {{&classes[0], 1}, {&classes[2], 2}};
  REQUIRE_OK_AND_ASSIGN(const RouterParameters first, SolveRidge(rest, 3));
  REQUIRE_OK_AND_ASSIGN(const RouterParameters second, SolveRidge(rest, 3));
  CHECK(first.weight == second.weight);
  CHECK(first.transform.matrix == second.transform.matrix);
}

TEST_CASE("Statistics that no data could have are refused", "[router]") {
  const testing::SyntheticProbe probe({.members = 1});
  const ClassStatistics good = testing::StatisticsOf(probe.Data())[0];
  using Break = std::function<void(ClassStatistics&)>;
  const std::vector<Break> breaks = {
      [](ClassStatistics& s) { s.sum.pop_back(); },
      [](ClassStatistics& s) { s.count = 0; },
      [](ClassStatistics& s) { s.chunks = 0; },
      [](ClassStatistics& s) { s.count = std::numeric_limits<double>::infinity(); },
      [](ClassStatistics& s) { s.product[1] += 1; },
      [](ClassStatistics& s) { s.product[0] = -1; },
      [](ClassStatistics& s) { s.sum[0] *= 10; },
      [](ClassStatistics& s) { s.sum.back() = 0; },
      [](ClassStatistics& s) { s.width = 11; },
  };
  for (size_t k = 0; k < breaks.size(); ++k) {
    INFO("break " << k);
    ClassStatistics bad = good;
    breaks[k](bad);
    REQUIRE_STATUS(ValidateStatistics(bad, 12), absl::StatusCode::kInvalidArgument,
                   "MEMBER_STATISTICS_INVALID");
  }
  REQUIRE_STATUS(SolveRidge({}, 3), absl::StatusCode::kInvalidArgument,
                 "MEMBER_STATISTICS_INVALID");
  REQUIRE_STATUS(SolveRidge(std::vector<RidgeClass>{{&good, 3}}, 3),
                 absl::StatusCode::kInvalidArgument, "MEMBER_STATISTICS_INVALID");
}

}  // namespace
}  // namespace kalavai

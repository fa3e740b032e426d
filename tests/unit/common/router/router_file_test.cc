// Goal: routers and statistics return from their arrays with the same bits; damage is refused.
// Method: round trips; tables of damaged arrays.
#include "common/router/router_file.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <vector>

#include "common/router/ridge_prior.h"
#include "tests/support/catch.h"
#include "tests/unit/common/router/synthetic_probe.h"

namespace kalavai {
namespace {

TEST_CASE("Statistics and routers return from their arrays with the same bits", "[router]") {
  const testing::SyntheticProbe probe({.members = 2});
  const std::vector<ClassStatistics> classes = testing::StatisticsOf(probe.Data());
  REQUIRE_OK_AND_ASSIGN(const ClassStatistics back,
                        StatisticsFromTensors("x", StatisticsToTensors(classes[0])));
  CHECK(back.sum == classes[0].sum);
  CHECK(back.product == classes[0].product);
  CHECK(back.count == classes[0].count);
  CHECK(back.chunks == classes[0].chunks);
  const std::vector<RidgeClass> who = {{&classes[0], 1}, {&classes[1], 2}};
  REQUIRE_OK_AND_ASSIGN(RouterParameters router, SolveRidge(who, 3));
  router.alpha = 0.0123456789;
  RouterParameters logit = router;
  logit.mixture = Mixture::kLogit;
  for (const RouterParameters& each : {router, UniformRouter(7), logit}) {
    REQUIRE_OK_AND_ASSIGN(const RouterParameters read, RouterFromTensors(RouterToTensors(each)));
    CHECK(read.experts == each.experts);
    CHECK(read.rung == each.rung);
    CHECK(read.mixture == each.mixture);
    CHECK(read.alpha == each.alpha);
    CHECK(read.eta == each.eta);
    CHECK(read.half_life == each.half_life);
    CHECK(read.shrinkage == each.shrinkage);
    CHECK(read.transform.matrix == each.transform.matrix);
    CHECK(read.weight == each.weight);
    CHECK(read.bias == each.bias);
  }
}

TEST_CASE("Only a mixture of logits is said, and nothing else of the file is other", "[router]") {
  RouterParameters router = UniformRouter(3);
  const std::vector<NamedArray> without = RouterToTensors(router);
  router.mixture = Mixture::kLogit;
  std::vector<NamedArray> with = RouterToTensors(router);
  REQUIRE(without.size() == 1);  // as before there was any other mixture
  REQUIRE(with.size() == 2);
  CHECK(with[0].name == "router.mixture");
  CHECK(with[1].values == without[0].values);
  for (const double bad : {0.0, 2.0, -1.0, 1.5, std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::infinity()}) {
    INFO(bad);
    with[0].values = {bad};
    REQUIRE_STATUS(RouterFromTensors(with), absl::StatusCode::kInvalidArgument, "ROUTER_INVALID");
  }
  with[0] = {"router.mixture", {2}, {1, 1}};
  REQUIRE_STATUS(RouterFromTensors(with), absl::StatusCode::kInvalidArgument, "ROUTER_INVALID");
}

TEST_CASE("Arrays come sorted by name and are read in any order", "[router]") {
  const testing::SyntheticProbe probe({.members = 2});
  const std::vector<ClassStatistics> classes = testing::StatisticsOf(probe.Data());
  const std::vector<RidgeClass> who = {{&classes[0], 1}, {&classes[1], 2}};
  REQUIRE_OK_AND_ASSIGN(const RouterParameters router, SolveRidge(who, 3));
  const auto by_name = [](const NamedArray& a, const NamedArray& b) { return a.name < b.name; };
  std::vector<NamedArray> arrays = RouterToTensors(router);
  CHECK(std::is_sorted(arrays.begin(), arrays.end(), by_name));
  std::reverse(arrays.begin(), arrays.end());
  REQUIRE_OK_AND_ASSIGN(const RouterParameters read, RouterFromTensors(arrays));
  CHECK(read.weight == router.weight);
  arrays = StatisticsToTensors(classes[0]);
  CHECK(std::is_sorted(arrays.begin(), arrays.end(), by_name));
  std::reverse(arrays.begin(), arrays.end());
  REQUIRE_OK_AND_ASSIGN(const ClassStatistics statistics, StatisticsFromTensors("x", arrays));
  CHECK(statistics.sum == classes[0].sum);
}

TEST_CASE("Damaged router files are refused", "[router]") {
  const testing::SyntheticProbe probe({.members = 2});
  const std::vector<ClassStatistics> classes = testing::StatisticsOf(probe.Data());
  const std::vector<RidgeClass> who = {{&classes[0], 1}, {&classes[1], 2}};
  REQUIRE_OK_AND_ASSIGN(const RouterParameters router, SolveRidge(who, 3));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  using Arrays = std::vector<NamedArray>;  // bias, scalars, transform, weight
  const std::vector<std::function<void(Arrays&)>> breaks = {
      [](Arrays& a) { a.clear(); },
      [](Arrays& a) { a.pop_back(); },
      [](Arrays& a) { a.push_back(a.back()); },
      [](Arrays& a) {
        a.push_back({"other", {1}, {0}});
      },
      [](Arrays& a) { a[0].values.pop_back(); },
      [](Arrays& a) {
        a[0].shape = {1, 3};
      },
      [](Arrays& a) { a[0].shape = {-3}; },
      [](Arrays& a) {
        a[2].shape = {a[2].shape[1], a[2].shape[0]};
      },
      [nan](Arrays& a) { a[3].values[0] = nan; },
      [nan](Arrays& a) { a[1].values[1] = nan; },
      [](Arrays& a) { a[1].values[0] = 2; },
      [](Arrays& a) { a[1].values[1] = 1e18; },
      [](Arrays& a) { a[1].values[2] = 3; },
      [](Arrays& a) { a[1].values[3] = 1.5; },
      [](Arrays& a) { a[1].values[4] = 0; },
      [](Arrays& a) { a[1].values[5] = 0; },
  };
  for (size_t k = 0; k < breaks.size(); ++k) {
    INFO("break " << k);
    Arrays arrays = RouterToTensors(router);
    breaks[k](arrays);
    REQUIRE_STATUS(RouterFromTensors(arrays), absl::StatusCode::kInvalidArgument, "ROUTER_INVALID");
  }
}

TEST_CASE("Damaged statistics files are refused", "[router]") {
  const testing::SyntheticProbe probe({.members = 1});
  const ClassStatistics statistics = testing::StatisticsOf(probe.Data())[0];
  const double nan = std::numeric_limits<double>::quiet_NaN();
  using Arrays = std::vector<NamedArray>;  // product, scalars, sum
  const std::vector<std::function<void(Arrays&)>> breaks = {
      [](Arrays& a) { a.clear(); },
      [](Arrays& a) { a.pop_back(); },
      [](Arrays& a) { a.push_back(a.back()); },
      [](Arrays& a) {
        a.push_back({"other", {}, {0}});
      },
      [](Arrays& a) { a[0].values.pop_back(); },
      [](Arrays& a) {
        a[2].shape = {1, 13};
      },
      [](Arrays& a) {
        a[2].shape = {13, 1, 1};
      },
      [](Arrays& a) { a[2].shape = {int64_t{1} << 40}; },
      [](Arrays& a) { a[1].values[0] = 2; },
      [](Arrays& a) { a[1].values[1] = 0; },
      [](Arrays& a) { a[1].values[1] = 12.5; },
      [nan](Arrays& a) { a[1].values[1] = nan; },
      [](Arrays& a) { a[1].values[2] = 0; },
      [nan](Arrays& a) { a[1].values[2] = nan; },
      [](Arrays& a) { a[1].values[3] = 0.5; },
      [nan](Arrays& a) { a[2].values[0] = nan; },
      [](Arrays& a) { a[0].values[1] += 1; },
  };
  for (size_t k = 0; k < breaks.size(); ++k) {
    INFO("break " << k);
    Arrays arrays = StatisticsToTensors(statistics);
    breaks[k](arrays);
    REQUIRE_STATUS(StatisticsFromTensors("x", arrays), absl::StatusCode::kInvalidArgument,
                   "MEMBER_STATISTICS_INVALID");
  }
}

}  // namespace
}  // namespace kalavai

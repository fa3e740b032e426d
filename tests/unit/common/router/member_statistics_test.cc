// Goal: statistics add, a router without a member is the router that never had it, files keep bits.
// Method: sums in member order compared bit by bit, round trips, a table of broken statistics and
// files.
#include "common/router/member_statistics.h"

#include <functional>
#include <limits>
#include <vector>

#include "common/router/ridge_prior.h"
#include "common/router/router_file.h"
#include "tests/support/catch.h"
#include "tests/unit/common/router/synthetic_probe.h"

namespace kalavai {
namespace {

std::vector<ClassStatistics> Classes(const ProbeData& data) {
  std::vector<ClassStatistics> classes;
  for (const std::string& domain : data.domains) {
    classes.push_back(EmptyStatistics(domain, data.width));
  }
  for (int64_t c = 0; c < data.chunks(); ++c) {
    AddText(data.ChunkHidden(c), kGateHalfLifeTokens, kGateShrinkage,
            classes[static_cast<size_t>(data.domain[static_cast<size_t>(c)])]);
  }
  return classes;
}

TEST_CASE("Leaving re-sums to the bits of never having been there", "[router]") {
  const testing::SyntheticProbe probe({.members = 3});
  const std::vector<ClassStatistics> classes = Classes(probe.Data());
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

TEST_CASE("The ridge prior names the expert of each domain", "[router]") {
  for (const int features_max : {96, 6}) {
    const testing::SyntheticProbe probe({.members = 3});
    const ProbeData data = probe.Data();
    const std::vector<ClassStatistics> classes = Classes(data);
    const std::vector<RidgeClass> who = {{&classes[0], 1}, {&classes[1], 2}, {&classes[2], 3}};
    REQUIRE_OK_AND_ASSIGN(const RouterParameters router,
                          SolveRidge(who, 4, {.features_max = features_max}));
    CHECK(router.transform.features == std::min(features_max, 12));
    GateFeatures features(router.transform, router.half_life, router.shrinkage);
    std::vector<double> prior(4);
    for (int64_t c = 0; c < data.chunks(); ++c) {
      features.Reset();
      for (size_t t = 0; t < 40; ++t) features.Push(data.ChunkHidden(c).subspan(t * 12, 12));
      ComputePrior(router, features.Features(), std::vector<uint8_t>(4, 1), prior);
      const size_t domain = static_cast<size_t>(data.domain[static_cast<size_t>(c)]);
      CHECK(std::max_element(prior.begin(), prior.end()) - prior.begin() ==
            static_cast<std::ptrdiff_t>(domain + 1));
    }
  }
}

TEST_CASE("Statistics and routers return from their arrays with the same bits", "[router]") {
  const testing::SyntheticProbe probe({.members = 2});
  const std::vector<ClassStatistics> classes = Classes(probe.Data());
  REQUIRE_OK_AND_ASSIGN(const ClassStatistics back,
                        StatisticsFromTensors("x", StatisticsToTensors(classes[0])));
  CHECK(back.sum == classes[0].sum);
  CHECK(back.product == classes[0].product);
  CHECK(back.count == classes[0].count);
  CHECK(back.chunks == classes[0].chunks);
  const std::vector<RidgeClass> who = {{&classes[0], 1}, {&classes[1], 2}};
  REQUIRE_OK_AND_ASSIGN(RouterParameters router, SolveRidge(who, 3));
  router.alpha = 0.0123456789;
  for (const RouterParameters& each : {router, UniformRouter(7)}) {
    REQUIRE_OK_AND_ASSIGN(const RouterParameters read, RouterFromTensors(RouterToTensors(each)));
    CHECK(read.experts == each.experts);
    CHECK(read.rung == each.rung);
    CHECK(read.alpha == each.alpha);
    CHECK(read.eta == each.eta);
    CHECK(read.half_life == each.half_life);
    CHECK(read.shrinkage == each.shrinkage);
    CHECK(read.transform.matrix == each.transform.matrix);
    CHECK(read.weight == each.weight);
    CHECK(read.bias == each.bias);
  }
}

TEST_CASE("Damaged router files are refused", "[router]") {
  const testing::SyntheticProbe probe({.members = 2});
  const std::vector<ClassStatistics> classes = Classes(probe.Data());
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

TEST_CASE("Statistics that no data could have are refused", "[router]") {
  const testing::SyntheticProbe probe({.members = 1});
  const ClassStatistics good = Classes(probe.Data())[0];
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

// Goal: the prior is the formula of the header, masked as it says; bad routers are refused.
// Method: logits by hand; a masked router against the one built without the expert; a table.
#include "common/router/router_parameters.h"

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

// Two features, three experts.
RouterParameters Example() {
  return {.experts = 3,
          .rung = RouterRung::kRidge,
          .eta = 0.2,
          .transform = {.width = 1, .features = 2, .matrix = {1, 0, 0, 1}},
          .weight = {1, 0, 0, 1, -1, 2},
          .bias = {0, 0.5, -1}};
}

std::vector<double> PriorOf(const RouterParameters& router, const std::vector<double>& features,
                            const std::vector<uint8_t>& allowed) {
  std::vector<double> prior(allowed.size(), -1);
  ComputePrior(router, features, allowed, prior);
  return prior;
}

TEST_CASE("The prior is a softmax mixed with the uniform one", "[router]") {
  // logits: 2, 3.5, -2 + 6 - 1 = 3.
  const std::vector<double> prior = PriorOf(Example(), {2, 3}, {1, 1, 1});
  const double sum = std::exp(2) + std::exp(3.5) + std::exp(3);
  const double logits[] = {2, 3.5, 3};
  for (size_t i = 0; i < 3; ++i) {
    REQUIRE_NEAR(prior[i], 0.8 * std::exp(logits[i]) / sum + 0.2 / 3, 1e-12);
  }
  const std::vector<double> masked = PriorOf(Example(), {2, 3}, {1, 0, 1});
  REQUIRE_NEAR(masked[0], 0.8 / (1 + std::exp(1)) + 0.1, 1e-12);
  CHECK(masked[1] == 0);
  REQUIRE_NEAR(masked[0] + masked[2], 1, 1e-15);
}

TEST_CASE("Logits far apart do not overflow", "[router]") {
  const std::vector<double> prior = PriorOf(Example(), {-1e6, 1e6}, {1, 1, 1});
  REQUIRE_NEAR(prior[2], 0.8 + 0.2 / 3, 1e-12);
  REQUIRE_NEAR(prior[0], 0.2 / 3, 1e-12);
}

TEST_CASE("A uniform router with a denied expert is the one built without it", "[router]") {
  const std::vector<double> without = PriorOf(UniformRouter(4), {}, {1, 1, 1, 1});
  const std::vector<double> denied = PriorOf(UniformRouter(5), {}, {1, 1, 0, 1, 1});
  CHECK(denied == std::vector<double>{without[0], without[1], 0, without[2], without[3]});
}

TEST_CASE("The uniform router is the documented one", "[router]") {
  const RouterParameters router = UniformRouter(3);
  REQUIRE_OK(ValidateRouter(router));
  CHECK(router.rung == RouterRung::kUniform);
  CHECK(router.alpha == 0.003);
  CHECK(RouterRungName(RouterRung::kTrained) == "trained");
  CHECK(RouterRungName(RouterRung::kRidge) == "ridge");
  CHECK(RouterRungName(RouterRung::kUniform) == "uniform");
}

TEST_CASE("Routers that cannot serve are refused", "[router]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  using Break = std::function<void(RouterParameters&)>;
  const std::vector<Break> breaks = {
      [](RouterParameters& p) { p.experts = 1; },
      [](RouterParameters& p) { p.experts = 4; },
      [](RouterParameters& p) { p.alpha = -0.1; },
      [](RouterParameters& p) { p.alpha = 1.1; },
      [nan](RouterParameters& p) { p.alpha = nan; },
      [](RouterParameters& p) { p.eta = 0; },
      [nan](RouterParameters& p) { p.eta = nan; },
      [](RouterParameters& p) { p.half_life = 0; },
      [inf](RouterParameters& p) { p.half_life = inf; },
      [](RouterParameters& p) { p.shrinkage = -8; },
      [](RouterParameters& p) { p.transform.features = 0; },
      [](RouterParameters& p) { p.transform.width = 2; },
      [](RouterParameters& p) { p.transform.matrix.pop_back(); },
      [](RouterParameters& p) { p.weight.pop_back(); },
      [](RouterParameters& p) { p.bias.push_back(0); },
      [inf](RouterParameters& p) { p.transform.matrix[0] = inf; },
      [nan](RouterParameters& p) { p.weight[0] = nan; },
      [nan](RouterParameters& p) { p.bias[0] = nan; },
      [](RouterParameters& p) { p.rung = RouterRung::kUniform; },
  };
  REQUIRE_OK(ValidateRouter(Example()));
  for (size_t k = 0; k < breaks.size(); ++k) {
    INFO("break " << k);
    RouterParameters router = Example();
    breaks[k](router);
    REQUIRE_STATUS(ValidateRouter(router), absl::StatusCode::kInvalidArgument, "ROUTER_INVALID");
  }
}

TEST_CASE("A mixture is told by its name", "[router]") {
  for (const Mixture mixture : {Mixture::kProbability, Mixture::kLogit}) {
    CHECK(MixtureFromName(MixtureName(mixture)) == mixture);
  }
  CHECK(MixtureName(UniformRouter(2).mixture) == "probability");
}

}  // namespace
}  // namespace kalavai

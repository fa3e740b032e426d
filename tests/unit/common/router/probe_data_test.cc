// Goal: only probe data that a router can learn from passes.
// Method: a table of broken arrays, each a change of sound ones; chunks listed by domain.
#include "common/router/probe_data.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/common/router/synthetic_probe.h"

namespace kalavai {
namespace {

TEST_CASE("Broken numbers are refused", "[router]") {
  using Probe = testing::SyntheticProbe;
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<std::function<void(Probe&)>> breaks = {
      [](Probe& p) { p.log_prob().pop_back(); },
      [](Probe& p) { p.hidden().pop_back(); },
      [](Probe& p) { p.log_prob()[3] = std::numeric_limits<float>::quiet_NaN(); },
      [](Probe& p) { p.log_prob()[3] = 0.5f; },
      [inf](Probe& p) { p.hidden()[3] = inf; },
      [inf](Probe& p) { std::fill_n(p.log_prob().begin(), 4, -inf); },
  };
  for (size_t k = 0; k < breaks.size(); ++k) {
    INFO("break " << k);
    Probe probe({});
    breaks[k](probe);
    REQUIRE_STATUS(ValidateProbeData(probe.Data()), absl::StatusCode::kInvalidArgument,
                   "PROBE_CACHE_INVALID");
  }
  Probe probe({});
  probe.log_prob()[0] = -inf;
  REQUIRE_OK(ValidateProbeData(probe.Data()));
  ProbeData data = probe.Data();
  data.domains.push_back("empty");
  REQUIRE_STATUS(ValidateProbeData(data), absl::StatusCode::kInvalidArgument,
                 "PROBE_CACHE_INVALID");
}

TEST_CASE("Sizes that disagree are refused", "[router]") {
  const testing::SyntheticProbe probe({});
  std::vector<int32_t> domain(probe.Data().domain.begin(), probe.Data().domain.end());
  const std::vector<int32_t> chunk(domain.size() - 1, 0);
  const std::vector<std::function<void(ProbeData&)>> breaks = {
      [](ProbeData& d) { d.experts = 1; },
      [](ProbeData& d) { d.experts = 3; },
      [](ProbeData& d) { d.width = 0; },
      [](ProbeData& d) { d.width = 13; },
      [](ProbeData& d) { d.rows = 0; },
      [](ProbeData& d) { d.rows = 63; },
      [](ProbeData& d) { d.domains.clear(); },
      [](ProbeData& d) { d.domains.pop_back(); },
      [](ProbeData& d) { d.domain = d.domain.first(1); },
      [&chunk](ProbeData& d) { d.chunk = chunk; },
      [&domain](ProbeData& d) {
        domain[0] = -1;
        d.domain = domain;
      },
      [](ProbeData& d) { d = ProbeData{}; },
  };
  for (size_t k = 0; k < breaks.size(); ++k) {
    INFO("break " << k);
    ProbeData data = probe.Data();
    REQUIRE_OK(ValidateProbeData(data));
    breaks[k](data);
    REQUIRE_STATUS(ValidateProbeData(data), absl::StatusCode::kInvalidArgument,
                   "PROBE_CACHE_INVALID");
  }
}

TEST_CASE("A log-probability may end a little above 0, as a softmax in float does", "[router]") {
  testing::SyntheticProbe probe({});
  probe.log_prob()[0] = 5e-5f;
  REQUIRE_OK(ValidateProbeData(probe.Data()));
  probe.log_prob()[0] = 2e-3f;
  REQUIRE_STATUS(ValidateProbeData(probe.Data()), absl::StatusCode::kInvalidArgument,
                 "PROBE_CACHE_INVALID");
}

TEST_CASE("Chunks are listed by domain in the order of the data", "[router]") {
  const std::vector<int32_t> domain = {1, 0, 1, 2, 0};
  const ProbeData data{.domains = {"a", "b", "c"}, .domain = domain};
  CHECK(ChunksByDomain(data) == std::vector<std::vector<int64_t>>{{1, 4}, {0, 2}, {3}});
}

}  // namespace
}  // namespace kalavai

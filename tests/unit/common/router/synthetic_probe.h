// A synthetic probe pass: domains that the states tell apart, experts that are each best at one.
#ifndef KALAVAI_TESTS_UNIT_COMMON_ROUTER_SYNTHETIC_PROBE_H_
#define KALAVAI_TESTS_UNIT_COMMON_ROUTER_SYNTHETIC_PROBE_H_

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/seeded_random.h"
#include "common/router/member_statistics.h"
#include "common/router/probe_data.h"

namespace kalavai::testing {

struct SyntheticOptions {
  int members = 3;  // domains; experts are these and the base
  int chunks = 12;  // per domain
  int rows = 64;
  int width = 12;
  double skill = 0.5;  // nats a member gains on its own domain
  double signal = 1;   // how far the states of two domains lie apart, in standard deviations
  uint64_t seed = 1;
  bool public_class = false;  // one more domain, where the base is best
};

// Owns the arrays that Data() shows.
class SyntheticProbe {
 public:
  explicit SyntheticProbe(const SyntheticOptions& options) : options_(options) {
    SeededRandom random(options.seed);
    const int domains = options.members + (options.public_class ? 1 : 0);
    std::vector<std::vector<double>> centre(static_cast<size_t>(domains));
    for (auto& point : centre) {
      for (int i = 0; i < options.width; ++i) point.push_back(options.signal * random.Normal());
    }
    for (int d = 0; d < domains; ++d) {
      for (int c = 0; c < options.chunks; ++c) {
        domain_.push_back(d);
        chunk_.push_back(c);
        for (int t = 0; t < options.rows; ++t) {
          for (const double value : centre[static_cast<size_t>(d)]) {
            hidden_.push_back(static_cast<float>(5 + value + random.Normal()));
          }
          const double base = -3 + 1.5 * random.Normal();
          for (int i = 0; i <= options.members; ++i) {
            const bool best = d < options.members ? i == d + 1 : i == 0;
            const double drawn = base + 0.5 * random.Normal() + (best ? options.skill : 0);
            log_prob_.push_back(static_cast<float>(std::min(0.0, drawn)));
          }
        }
      }
    }
  }

  ProbeData Data() const {
    ProbeData data{.experts = options_.members + 1,
                   .width = options_.width,
                   .rows = options_.rows,
                   .log_prob = log_prob_,
                   .hidden = hidden_,
                   .domain = domain_,
                   .chunk = chunk_};
    for (int d = 0; d < options_.members; ++d)
      data.domains.push_back("domain " + std::to_string(d));
    if (options_.public_class) data.domains.push_back("public");
    return data;
  }

  std::vector<float>& log_prob() { return log_prob_; }
  std::vector<float>& hidden() { return hidden_; }

 private:
  SyntheticOptions options_;
  std::vector<float> log_prob_;
  std::vector<float> hidden_;
  std::vector<int32_t> domain_;
  std::vector<int32_t> chunk_;
};

// Statistics of each domain's chunks.
inline std::vector<ClassStatistics> StatisticsOf(const ProbeData& data) {
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

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_UNIT_COMMON_ROUTER_SYNTHETIC_PROBE_H_

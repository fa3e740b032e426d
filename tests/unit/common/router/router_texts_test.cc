// Goal: whole and spliced texts are what streaming reads, bit for bit.
// Method: a text made by RouterTexts against GateFeatures fed by hand with the same states.
#include "common/router/router_texts.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "common/router/ridge_prior.h"
#include "tests/support/catch.h"
#include "tests/unit/common/router/synthetic_probe.h"

namespace kalavai {
namespace {

TEST_CASE("A text's features are those of reading it", "[router]") {
  const testing::SyntheticProbe probe({.members = 2, .chunks = 3, .rows = 33});
  const ProbeData data = probe.Data();
  const std::vector<ClassStatistics> classes = testing::StatisticsOf(data);
  const std::vector<RidgeClass> who = {{&classes[0], 1}, {&classes[1], 2}};
  REQUIRE_OK_AND_ASSIGN(const RouterParameters router, SolveRidge(who, 3, {.features_max = 5}));
  ForkJoin workers(2);
  const RouterTexts texts(data, router, workers);
  RouterText text;
  const std::vector<TextSource> sources = {{0, 0}, {0, 4}, {4, 0}, {5, 5}};
  for (const TextSource& source : sources) {
    texts.Make(source, text);
    REQUIRE(text.likelihoods.rows() == 33);
    REQUIRE(text.features.size() == 33 * 5);
    GateFeatures features(router.transform, router.half_life, router.shrinkage);
    for (size_t t = 0; t < 33; ++t) {
      // Of 33 rows the first 16 are the first chunk's.
      const int64_t chunk = t < 16 ? source.first : source.second;
      const auto log_prob = data.ChunkLogProb(chunk).subspan(t * 3, 3);
      CHECK(text.likelihoods.Best(t) == *std::max_element(log_prob.begin(), log_prob.end()));
      for (size_t i = 0; i < 3; ++i) {
        CHECK(text.likelihoods.Relative(t)[i] ==
              std::exp(static_cast<double>(log_prob[i]) - text.likelihoods.Best(t)));
      }
      const auto made = std::span<const double>(text.features).subspan(t * 5, 5);
      CHECK(std::equal(made.begin(), made.end(), features.Features().begin()));
      features.Push(data.ChunkHidden(chunk).subspan(t * 12, 12));
    }
  }
}

}  // namespace
}  // namespace kalavai

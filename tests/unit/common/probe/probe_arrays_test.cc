// Goal: the router gets the right numbers in the right rows. Method: numbers that say where they
// come from.
#include "common/probe/probe_arrays.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

// Two domains, one chunk a part, T = 3, D = 1.
ProbeText Text() {
  ProbeText probe;
  probe.chunk_tokens = 3;
  probe.domains = {{.name = "law"}, {.name = "music"}};
  probe.tokens.assign(12, 1);
  probe.chunk_domain = {0, 0, 1, 1};
  probe.chunk_part = {ProbePart::kRouter, ProbePart::kEvaluation, ProbePart::kRouter,
                      ProbePart::kEvaluation};
  probe.chunk_bytes.assign(4, 3);
  probe.digest = std::string(64, 'b');
  return probe;
}

// log_prob of chunk c, row t: −(expert·100 + c·10 + t); feature at position t: c·10 + t.
ProbeCache Cache(int expert, bool features) {
  ProbeCache cache = {.key = {.probe_digest = std::string(64, 'b')},
                      .chunk_count = 4,
                      .chunk_tokens = 3,
                      .feature_width = features ? 1 : 0};
  for (int chunk = 0; chunk < 4; ++chunk) {
    for (int t = 0; t < 2; ++t) {
      cache.log_probs.push_back(static_cast<float>(-(expert * 100 + chunk * 10 + t)));
    }
    for (int t = 0; features && t < 3; ++t) {
      cache.features.push_back(static_cast<float>(chunk * 10 + t));
    }
  }
  return cache;
}

TEST_CASE("Rows hold all experts' log-probabilities and the state after the token", "[probe]") {
  const ProbeCache base = Cache(0, true);
  const ProbeCache first = Cache(1, false);
  const ProbeCache* const caches[] = {&base, &first};
  REQUIRE_OK_AND_ASSIGN(ProbeArrays built,
                        ProbeArrays::Assemble(Text(), caches, ProbePart::kEvaluation));
  const ProbeArrays arrays = std::move(built);  // the view must survive a move
  const ProbeData& data = arrays.data();
  REQUIRE(data.experts == 2);
  REQUIRE(data.rows == 2);
  REQUIRE(data.width == 1);
  REQUIRE(data.chunks() == 2);
  REQUIRE(data.domains == std::vector<std::string>{"law", "music"});
  REQUIRE(data.domain[1] == 1);
  REQUIRE(arrays.chunks()[1] == 3);
  const auto log_prob = data.ChunkLogProb(1);
  REQUIRE(std::vector<float>(log_prob.begin(), log_prob.end()) ==
          std::vector<float>{-30, -130, -31, -131});
  const auto hidden = data.ChunkHidden(1);
  REQUIRE(std::vector<float>(hidden.begin(), hidden.end()) == std::vector<float>{31, 32});
}

TEST_CASE("A base without features, or a cache of other text, is refused", "[probe]") {
  const ProbeCache base = Cache(0, true);
  const ProbeCache bare = Cache(0, false);
  ProbeCache foreign = Cache(1, false);
  foreign.key.probe_digest = std::string(64, 'c');
  const ProbeCache* const no_features[] = {&bare};
  const ProbeCache* const other[] = {&base, &foreign};
  REQUIRE_STATUS(ProbeArrays::Assemble(Text(), {}, ProbePart::kRouter),
                 absl::StatusCode::kInvalidArgument, "PROBE_CACHE_INVALID");
  REQUIRE_STATUS(ProbeArrays::Assemble(Text(), no_features, ProbePart::kRouter),
                 absl::StatusCode::kInvalidArgument, "PROBE_CACHE_INVALID");
  REQUIRE_STATUS(ProbeArrays::Assemble(Text(), other, ProbePart::kRouter),
                 absl::StatusCode::kInvalidArgument, "PROBE_CACHE_INVALID");
}

}  // namespace
}  // namespace kalavai

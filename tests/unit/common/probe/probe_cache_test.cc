// Goal: a cache comes back bit for bit, and one that is damaged, foreign or impossible is refused.
// Method: round trips; every byte region of a file changed; losses by hand.
#include "common/probe/probe_cache.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using testing::ReadFile;
using testing::TempDir;
using testing::WriteFile;

ProbeCache Example() {
  return {.key = {.model_digest = std::string(64, 'a'),
                  .probe_digest = std::string(64, 'b'),
                  .arithmetic_digest = std::string(64, 'e')},
          .chunk_count = 2,
          .chunk_tokens = 3,
          .feature_width = 2,
          .log_probs = {-1, -2, -3, -5},
          .features = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
}

ProbeText ExampleText() {
  ProbeText probe;
  probe.chunk_tokens = 3;
  probe.domains = {{.name = "law"}};
  probe.tokens = {1, 2, 3, 4, 5, 6};
  probe.chunk_domain = {0, 0};
  probe.chunk_part = {ProbePart::kRouter, ProbePart::kEvaluation};
  probe.chunk_bytes = {3, 3};
  probe.digest = std::string(64, 'b');
  return probe;
}

TEST_CASE("A cache survives its file, with and without features", "[probe]") {
  const TempDir directory;
  ProbeCache cache = Example();
  for (const bool features : {true, false}) {
    if (!features) {
      cache.feature_width = 0;
      cache.features.clear();
    }
    const std::string path = directory.File(ProbeCacheFileName(cache.key));
    REQUIRE_OK(WriteProbeCache(path, cache));
    REQUIRE_OK_AND_ASSIGN(const ProbeCache read, ReadProbeCache(path, cache.key));
    REQUIRE(read.log_probs == cache.log_probs);
    REQUIRE(read.features == cache.features);
    REQUIRE(read.chunk_count == 2);
    REQUIRE(read.chunk_tokens == 3);
    REQUIRE(read.feature_width == cache.feature_width);
    REQUIRE(read.key == cache.key);
  }
  REQUIRE(ProbeCacheFileName(cache.key) == "aaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb.probe.safetensors");
}

TEST_CASE("A cache of another model, text or way of computing is refused", "[probe]") {
  const TempDir directory;
  const std::string path = directory.File("cache");
  const ProbeCache cache = Example();
  REQUIRE_OK(WriteProbeCache(path, cache));
  ProbeCacheKey other = cache.key;
  other.model_digest = std::string(64, 'c');
  REQUIRE_STATUS(ReadProbeCache(path, other), absl::StatusCode::kInvalidArgument,
                 "PROBE_CACHE_INVALID");
  other = cache.key;
  other.probe_digest = std::string(64, 'c');
  REQUIRE_STATUS(ReadProbeCache(path, other), absl::StatusCode::kInvalidArgument,
                 "PROBE_CACHE_INVALID");
  other = cache.key;
  other.arithmetic_digest = std::string(64, 'c');
  REQUIRE_STATUS(ReadProbeCache(path, other), absl::StatusCode::kInvalidArgument,
                 "PROBE_CACHE_INVALID");
  REQUIRE_STATUS(ReadProbeCache(directory.File("absent"), cache.key), absl::StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
}

TEST_CASE("A changed byte anywhere in the data, or a cut, is noticed", "[probe]") {
  const TempDir directory;
  const std::string path = directory.File("cache");
  REQUIRE_OK(WriteProbeCache(path, Example()));
  const std::string good = ReadFile(path);
  const size_t data_bytes = 4 * 32 + 4 * 4 + 12 * 4;
  for (size_t i = good.size() - data_bytes; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    WriteFile(path, bad);
    REQUIRE_STATUS(ReadProbeCache(path, Example().key), absl::StatusCode::kInvalidArgument,
                   "PROBE_CACHE_INVALID");
  }
  for (const size_t size : {size_t{0}, size_t{7}, good.size() / 2, good.size() - 1}) {
    WriteFile(path, good.substr(0, size));
    REQUIRE_STATUS(ReadProbeCache(path, Example().key), absl::StatusCode::kInvalidArgument,
                   "PROBE_CACHE_INVALID");
  }
}

TEST_CASE("Impossible values are never written", "[probe]") {
  const TempDir directory;
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity(), 0.5F}) {
    ProbeCache cache = Example();
    cache.log_probs[2] = bad;
    REQUIRE_STATUS(WriteProbeCache(directory.File("cache"), cache),
                   absl::StatusCode::kInvalidArgument, "PROBE_CACHE_INVALID");
  }
  ProbeCache short_cache = Example();
  short_cache.features.pop_back();
  REQUIRE_STATUS(WriteProbeCache(directory.File("cache"), short_cache),
                 absl::StatusCode::kInvalidArgument, "PROBE_CACHE_INVALID");
  ProbeCache unnamed = Example();
  unnamed.key.model_digest = std::string(64, 'A');
  REQUIRE_STATUS(WriteProbeCache(directory.File("cache"), unnamed),
                 absl::StatusCode::kInvalidArgument, "PROBE_CACHE_INVALID");
}

TEST_CASE("Losses are means of the log-probabilities", "[probe]") {
  const ProbeText probe = ExampleText();
  const ProbeCache cache = Example();
  REQUIRE_OK(CheckProbeCache(probe, cache));
  REQUIRE(LossesByChunk(probe, cache) == std::vector<double>{1.5, 4.0});
  REQUIRE(MeanLosses(probe, cache, ProbePart::kRouter) == std::vector<double>{1.5});
  REQUIRE(MeanLosses(probe, cache, ProbePart::kEvaluation) == std::vector<double>{4.0});
  ProbeText other = probe;
  other.digest = std::string(64, 'd');
  REQUIRE_STATUS(CheckProbeCache(other, cache), absl::StatusCode::kInvalidArgument,
                 "PROBE_CACHE_INVALID");
}

}  // namespace
}  // namespace kalavai

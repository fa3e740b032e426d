// Goal: tokens are drawn from the tempered, cut distribution, the same for a seed everywhere.
// Method: published SplitMix64 values, frequencies over many draws, corner cases by hand.
#include "common/model/sampler.h"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

std::vector<float> Logs(const std::vector<double>& probabilities) {
  std::vector<float> logs;
  for (const double p : probabilities) logs.push_back(static_cast<float>(std::log(p)));
  return logs;
}

std::vector<int> Frequencies(const SamplerOptions& options, const std::vector<float>& logs,
                             int draws) {
  Sampler sampler(options);
  std::vector<int> counts(logs.size(), 0);
  for (int i = 0; i < draws; ++i) ++counts[static_cast<size_t>(sampler.Next(logs))];
  return counts;
}

TEST_CASE("The generator gives SplitMix64's published numbers", "[model]") {
  SplitMix64 generator(1234567);
  CHECK(generator.Next() == 6457827717110365317u);
  CHECK(generator.Next() == 3203168211198807973u);
  CHECK(generator.Next() == 9817491932198370423u);
  const double uniform = generator.Uniform();
  CHECK((uniform >= 0.0 && uniform < 1.0));
}

TEST_CASE("Temperature 0 takes the most probable token, the lowest id on ties", "[model]") {
  Sampler sampler({.temperature = 0.0});
  CHECK(sampler.Next(Logs({0.2, 0.4, 0.4})) == 1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(sampler.Next(std::vector<float>{nan, -3.0F, -2.0F}) == 2);
}

TEST_CASE("Draws follow the distribution", "[model]") {
  const auto counts = Frequencies({.seed = 1}, Logs({0.1, 0.6, 0.3}), 20000);
  REQUIRE_NEAR(counts[0] / 20000.0, 0.1, 0.01);
  REQUIRE_NEAR(counts[1] / 20000.0, 0.6, 0.015);
  REQUIRE_NEAR(counts[2] / 20000.0, 0.3, 0.015);
}

TEST_CASE("Temperature sharpens and flattens", "[model]") {
  // At temperature 1/2 probabilities are squared: 0.25 / 0.0625 / 0.0625.
  const auto counts = Frequencies({.temperature = 0.5, .seed = 2}, Logs({0.5, 0.25, 0.25}), 20000);
  REQUIRE_NEAR(counts[0] / 20000.0, 2.0 / 3.0, 0.015);
}

TEST_CASE("Top-k keeps the most probable, and top-p cuts among them", "[model]") {
  const auto logs = Logs({0.1, 0.4, 0.2, 0.3});
  auto counts = Frequencies({.seed = 5, .top_k = 2}, logs, 5000);
  CHECK(counts[0] + counts[2] == 0);
  REQUIRE_NEAR(counts[1] / 5000.0, 4.0 / 7.0, 0.03);
  // 0.4 of the 0.7 that are left is more than half of it.
  counts = Frequencies({.top_p = 0.5, .seed = 5, .top_k = 2}, logs, 100);
  CHECK(counts[1] == 100);
  counts = Frequencies({.seed = 5, .top_k = 9}, logs, 5000);
  CHECK(counts[0] > 0);
}

TEST_CASE("Top-p keeps the smallest set with that mass", "[model]") {
  const auto logs = Logs({0.05, 0.5, 0.05, 0.4});
  auto counts = Frequencies({.top_p = 0.9, .seed = 3}, logs, 5000);
  CHECK(counts[0] + counts[2] == 0);
  CHECK(counts[3] > 1500);
  counts = Frequencies({.top_p = 0.4, .seed = 3}, logs, 1000);
  CHECK(counts[1] == 1000);
}

TEST_CASE("The same seed gives the same tokens, another seed others", "[model]") {
  const auto logs = Logs(std::vector<double>(50, 0.02));
  std::vector<int32_t> runs[3];
  const uint64_t seeds[3] = {9, 9, 10};
  for (int run = 0; run < 3; ++run) {
    Sampler sampler({.seed = seeds[run]});
    for (int i = 0; i < 40; ++i) runs[run].push_back(sampler.Next(logs));
  }
  CHECK(runs[0] == runs[1]);
  CHECK(runs[0] != runs[2]);
}

TEST_CASE("Impossible tokens are never drawn", "[model]") {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto counts =
      Frequencies({.temperature = 5.0, .seed = 4}, {-infinity, -1.0F, nan, -2.0F}, 2000);
  CHECK(counts[0] + counts[2] == 0);
  Sampler sampler({.seed = 5});
  CHECK(sampler.Next(std::vector<float>{-infinity, nan}) == 0);
}

TEST_CASE("Options out of range are refused", "[model]") {
  REQUIRE_OK(Validate(SamplerOptions{}));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double temperature : {-0.1, 101.0, nan}) {
    REQUIRE_STATUS(Validate(SamplerOptions{.temperature = temperature}),
                   absl::StatusCode::kInvalidArgument, "SAMPLING_INVALID");
  }
  for (const double top_p : {0.0, 1.1, nan}) {
    REQUIRE_STATUS(Validate(SamplerOptions{.top_p = top_p}), absl::StatusCode::kInvalidArgument,
                   "SAMPLING_INVALID");
  }
}

}  // namespace
}  // namespace kalavai

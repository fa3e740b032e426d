// Goal: the bootstrap repeats from its seed, covers the truth about as often as it says, and is
// paired. Method: seeded draws of losses with a known oracle gain, 100 cooperatives; a matrix whose
// noise is common to all models.
#include "common/forecast/interval.h"

#include <span>
#include <vector>

#include "common/base/seeded_random.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

// Three models on two domains; `common` is noise of a chunk, `own` of a model on it.
ChunkLosses Draw(uint64_t seed, double common, double own, int chunks) {
  SeededRandom random(seed);
  const double mean[3][2] = {{3, 4}, {2.5, 4}, {3, 3.4}};
  ChunkLosses losses{.domains = {"a", "b"},
                     .models = {"base", "x", "y"},
                     .own_domain = {0, 1},
                     .loss = std::vector<std::vector<std::vector<double>>>(
                         3, std::vector<std::vector<double>>(2))};
  for (size_t d = 0; d < 2; ++d) {
    for (int c = 0; c < chunks; ++c) {
      const double shared = common * random.Normal();
      for (size_t m = 0; m < 3; ++m) {
        losses.loss[m][d].push_back(mean[m][d] + shared + own * random.Normal());
      }
    }
  }
  return losses;
}

TEST_CASE("The interval covers the true oracle gain and repeats from its seed", "[forecast]") {
  const double truth = 100 * (3.2 - 2.95) / 3.2;  // best specialist y: (3 + 3.4) / 2
  int covered = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const ChunkLosses losses = Draw(seed, 0.2, 0.1, 48);
    REQUIRE_OK_AND_ASSIGN(const Estimate estimate,
                          BootstrapOracle(losses, {.resamples = 300, .seed = seed}));
    CHECK(estimate.interval.low <= estimate.gain_percent);
    CHECK(estimate.gain_percent <= estimate.interval.high);
    covered += estimate.interval.low <= truth && truth <= estimate.interval.high ? 1 : 0;
    REQUIRE_OK_AND_ASSIGN(const Estimate again,
                          BootstrapOracle(losses, {.resamples = 300, .seed = seed}));
    CHECK(again.interval.low == estimate.interval.low);
    CHECK(again.interval.high == estimate.interval.high);
  }
  CHECK(covered >= 87);
}

// As Draw, but `document` neighbouring chunks share their noise.
ChunkLosses DrawDocuments(uint64_t seed, double own, int chunks, int document) {
  ChunkLosses losses = Draw(seed, 0, 0, chunks);
  SeededRandom random(seed + 1'000);
  for (size_t m = 0; m < 3; ++m) {
    for (size_t d = 0; d < 2; ++d) {
      double noise = 0;
      for (size_t c = 0; c < losses.loss[m][d].size(); ++c) {
        if (c % static_cast<size_t>(document) == 0) noise = own * random.Normal();
        losses.loss[m][d][c] += noise;
      }
    }
  }
  return losses;
}

TEST_CASE("Chunks of one document count less, and so does a finite text to compare with",
          "[forecast]") {
  int covered = 0;
  double width_alone = 0;
  double width_documents = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const ChunkLosses now = DrawDocuments(seed, 0.15, 96, 4);
    const ChunkLosses later = DrawDocuments(seed + 500'000, 0.15, 96, 4);
    const BootstrapOptions options = {.resamples = 300, .seed = seed, .later_share = 1};
    REQUIRE_OK_AND_ASSIGN(const Estimate forecast, BootstrapOracle(now, options));
    const double realised = OracleGainPercent(MeanOverChunks(later).value());
    covered += forecast.interval.low <= realised && realised <= forecast.interval.high ? 1 : 0;
    width_documents += forecast.interval.high - forecast.interval.low;
    REQUIRE_OK_AND_ASSIGN(const Estimate alone, BootstrapOracle(Draw(seed, 0, 0.15, 96), options));
    width_alone += alone.interval.high - alone.interval.low;
  }
  INFO(covered << " of 100 forecasts held the truth");
  CHECK(covered >= 85);
  CHECK(width_documents > 1.4 * width_alone);
}

TEST_CASE("Noise that all models share hardly widens the interval", "[forecast]") {
  REQUIRE_OK_AND_ASSIGN(const Estimate shared, BootstrapOracle(Draw(1, 0.3, 0, 48)));
  REQUIRE_OK_AND_ASSIGN(const Estimate own, BootstrapOracle(Draw(1, 0, 0.3, 48)));
  CHECK((shared.interval.high - shared.interval.low) * 3 < own.interval.high - own.interval.low);
}

TEST_CASE("Coverage has an interval from chunks and from standard errors", "[forecast]") {
  const ChunkLosses losses = Draw(3, 0.2, 0.1, 200);
  const std::vector<MemberChunkLosses> members = {{0, losses.loss[0][0], losses.loss[1][0]},
                                                  {1, losses.loss[0][1], losses.loss[2][1]}};
  REQUIRE_OK_AND_ASSIGN(const Estimate chunks, BootstrapCoverage(members, losses.loss[0]));
  CHECK(chunks.interval.low < chunks.gain_percent);
  CHECK(chunks.gain_percent < chunks.interval.high);
  const std::vector<MemberLosses> reported = {{0, 3, 2.5, 0.01}, {1, 4, 3.4, 0.01}};
  const std::vector<double> base = {3, 4};
  REQUIRE_OK_AND_ASSIGN(const Estimate normal, CoverageFromStandardErrors(reported, base));
  REQUIRE_NEAR(normal.gain_percent, 100 * 0.5 / 6.4, 1e-12);
  // The formula's own error is most of it; the members' standard errors come on top.
  const double half = (normal.interval.high - normal.interval.low) / 2;
  const double model = CoverageModelError(100 * 1.1 / 7);
  CHECK(half > 1.95 * model);
  CHECK(half < 1.96 * model + 0.2);
}

TEST_CASE("The error of a formula is in its interval, whatever the sample", "[forecast]") {
  std::vector<MemberLosses> members = {{0, 3, 2.5, 0}, {1, 4, 3.4, 0}};
  const std::vector<double> base = {3, 4};
  REQUIRE_OK_AND_ASSIGN(const Estimate plain, CoverageFromStandardErrors(members, base));
  const double improvement = 100 * 1.1 / 7;
  const double half = 1.959964 * 0.43 * std::sqrt(improvement);
  REQUIRE_NEAR(plain.interval.high - plain.gain_percent, half, 1e-6);
  REQUIRE_NEAR(plain.gain_percent - plain.interval.low, half, 1e-6);
  // Members who change nothing are sure to gain nothing.
  members = {{0, 3, 3, 0}, {1, 4, 4, 0}};
  REQUIRE_OK_AND_ASSIGN(const Estimate nothing, CoverageFromStandardErrors(members, base));
  REQUIRE(nothing.interval.high == 0);
}

TEST_CASE("An oracle of means and standard errors scatters as they do", "[forecast]") {
  const LossMatrix matrix{.domains = {"a", "b"},
                          .models = {"base", "x", "y"},
                          .loss = {{4, 4}, {3, 4}, {4, 3}},
                          .own_domain = {0, 1}};
  const double gain = 100 * 0.5 / 3.5;
  REQUIRE_OK_AND_ASSIGN(const Estimate exact, OracleFromStandardErrors(matrix, {{0, 0}, {0, 0}}));
  REQUIRE_NEAR(exact.gain_percent, gain, 1e-12);
  REQUIRE_NEAR(exact.interval.low, gain, 1e-12);
  REQUIRE_NEAR(exact.interval.high, gain, 1e-12);
  // One loss that scatters by 0.1 where it is the lowest: the oracle by 0.05, as does the best
  // specialist where it is x.
  REQUIRE_OK_AND_ASSIGN(const Estimate one, OracleFromStandardErrors(matrix, {{0.1, 0}, {0, 0}}));
  CHECK(one.interval.low < gain - 1);
  CHECK(one.interval.low > gain - 3);
  REQUIRE_OK_AND_ASSIGN(const Estimate again, OracleFromStandardErrors(matrix, {{0.1, 0}, {0, 0}}));
  CHECK(again.interval.low == one.interval.low);
  REQUIRE_OK_AND_ASSIGN(const Estimate wider, OracleFromStandardErrors(matrix, {{0.2, 0}, {0, 0}}));
  CHECK(wider.interval.low < one.interval.low);
  for (const double bad :
       {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    REQUIRE_STATUS(OracleFromStandardErrors(matrix, {{0, bad}, {0, 0}}),
                   absl::StatusCode::kInvalidArgument, "LOSS_MATRIX_INVALID");
  }
}

TEST_CASE("However large a standard error, losses stay above 0 and the interval is one",
          "[forecast]") {
  const std::vector<double> base = {3, 4};
  const LossMatrix matrix{.domains = {"a", "b"},
                          .models = {"base", "x", "y"},
                          .loss = {{3, 4}, {2.5, 4}, {3, 1e-6}},
                          .own_domain = {0, 1}};
  for (const double error : {0.0, 1.0, 100.0, 1e9}) {
    INFO(error);
    const std::vector<MemberLosses> members = {{0, 3, 2.5, error}, {1, 4, 1e-6, 0.01}};
    for (const auto& estimate :
         {CoverageFromStandardErrors(members, base),
          OracleFromStandardErrors(matrix, {{error, error}, {error, 0.01}})}) {
      REQUIRE_OK(estimate.status());
      CHECK(std::isfinite(estimate->interval.low));
      CHECK(std::isfinite(estimate->interval.high));
      CHECK(estimate->interval.low <= estimate->gain_percent);
      CHECK(estimate->gain_percent <= estimate->interval.high);
    }
  }
}

TEST_CASE("A standard error counts runs of chunks that vary together, not chunks", "[forecast]") {
  // 27 chunks, runs of 3: nine runs of equal improvements 0, 1, 0, 1, …
  std::vector<double> before(27, 5.0);
  std::vector<double> after = before;
  for (size_t c = 0; c < after.size(); ++c) after[c] -= static_cast<double>((c / 3) % 2);
  const double variance = (5 * (4.0 / 9) * (4.0 / 9) + 4 * (5.0 / 9) * (5.0 / 9)) / 8;
  REQUIRE_NEAR(PairedStandardError(before, after), std::sqrt(variance / 9), 1e-12);
  REQUIRE(PairedStandardError(before, before) == 0);
  REQUIRE(PairedStandardError(std::span(before).first(1), std::span(after).first(1)) == 0);
  REQUIRE(PairedStandardError({}, {}) == 0);
}

TEST_CASE("Chunks that do not fit are refused", "[forecast]") {
  ChunkLosses losses = Draw(1, 0, 0.1, 3);
  losses.loss[1][0].pop_back();
  REQUIRE_STATUS(BootstrapOracle(losses), absl::StatusCode::kInvalidArgument,
                 "LOSS_MATRIX_INVALID");
  losses = Draw(1, 0, 0.1, 3);
  losses.loss[0][1].clear();
  REQUIRE_STATUS(BootstrapOracle(losses), absl::StatusCode::kInvalidArgument,
                 "LOSS_MATRIX_INVALID");
  losses = Draw(1, 0, 0.1, 3);
  losses.loss[2][1][0] = std::numeric_limits<double>::quiet_NaN();
  REQUIRE_STATUS(MeanOverChunks(losses), absl::StatusCode::kInvalidArgument, "LOSS_MATRIX_INVALID");
}

}  // namespace
}  // namespace kalavai

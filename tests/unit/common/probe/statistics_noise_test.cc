// Goal: noise is what (ε, δ) demand, clipping bounds every text's share, noised sums still give a
// valid router, and what is out of range is refused.
// Method: the privacy formula put in again; moments of many draws, at six standard errors; the
// largest change that replacing a text can make; a table of bad numbers.
#include "common/probe/statistics_noise.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "common/base/seeded_random.h"
#include "common/router/ridge_prior.h"
#include "common/router/router_file.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

constexpr int kWidth = 6;
constexpr int kRows = 63;
constexpr double kClip = 0.8;

std::vector<float> Text(uint64_t seed, double scale) {
  SeededRandom random(seed);
  std::vector<float> states;
  for (int i = 0; i < kRows * kWidth; ++i) {
    states.push_back(static_cast<float>(scale * (1 + random.Normal())));
  }
  return states;
}

ClassStatistics Sums(int texts, double scale = 1, uint64_t seed = 1) {
  ClassStatistics statistics = EmptyStatistics("legal", kWidth);
  for (int i = 0; i < texts; ++i) {
    AddText(Text(seed * 100000 + static_cast<uint64_t>(i), scale), kGateHalfLifeTokens,
            kGateShrinkage, statistics, kClip);
  }
  return statistics;
}

double Cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

TEST_CASE("Sigma is the smallest that epsilon and delta allow", "[probe]") {
  for (const double epsilon : {0.01, 0.5, 1.0, 8.0, 100.0}) {
    for (const double delta : {1e-15, 1e-6, 1e-4}) {
      INFO(epsilon << " " << delta);
      const double sensitivity = 3;
      const double sigma = GaussianSigma(epsilon, delta, sensitivity);
      const auto spent = [&](double s) {
        const double half = sensitivity / (2 * s);
        const double shift = epsilon * s / sensitivity;
        return Cdf(half - shift) - std::exp(epsilon) * Cdf(-half - shift);
      };
      CHECK(spent(sigma) <= delta);
      CHECK(spent(sigma * 0.999) > delta);
      REQUIRE_NEAR(GaussianSigma(epsilon, delta, 2 * sensitivity) / sigma, 2, 1e-9);
    }
  }
  // Below the classical bound, which holds up to epsilon 1 only.
  CHECK(GaussianSigma(1, 1e-6, 1) < std::sqrt(2 * std::log(1.25e6)));
  CHECK(GaussianSigma(1, 1e-6, 1) > 3.5);
}

TEST_CASE("Drawn numbers have the moments of a normal distribution", "[probe]") {
  std::vector<double> drawn(200001);
  DrawNormal(drawn);
  double mean = 0, square = 0, fourth = 0, neighbours = 0;
  for (size_t i = 0; i < drawn.size(); ++i) {
    mean += drawn[i];
    square += drawn[i] * drawn[i];
    fourth += std::pow(drawn[i], 4);
    if (i > 0) neighbours += drawn[i] * drawn[i - 1];
  }
  const double count = static_cast<double>(drawn.size());
  REQUIRE_NEAR(mean / count, 0, 6 / std::sqrt(count));
  REQUIRE_NEAR(square / count, 1, 6 * std::sqrt(2 / count));
  REQUIRE_NEAR(fourth / count, 3, 6 * std::sqrt(96 / count));
  REQUIRE_NEAR(neighbours / count, 0, 6 / std::sqrt(count));
  std::vector<double> again(4), other(4);
  DrawNormal(again);
  DrawNormal(other);
  CHECK(again != other);
}

TEST_CASE("No text moves the sums by more than the sensitivity", "[probe]") {
  for (const double scale : {0.01, 1.0, 1000.0}) {
    const ClassStatistics a = Sums(1, scale, 1);
    // The opposite text: sums of z cancel nothing, the worst there is.
    ClassStatistics b = EmptyStatistics("legal", kWidth);
    std::vector<float> opposite = Text(100000, scale);
    for (float& value : opposite) value = -value;
    AddText(opposite, kGateHalfLifeTokens, kGateShrinkage, b, kClip);
    for (const ClassStatistics& other : {b, Sums(1, scale, 2)}) {
      double squares = 0;
      const size_t size = kWidth + 1;
      for (size_t i = 0; i < kWidth; ++i) {
        squares += std::pow((a.sum[i] - other.sum[i]) / kClip, 2);
        squares +=
            std::pow((a.product[i * size + kWidth] - other.product[i * size + kWidth]) / kClip, 2);
        for (size_t j = 0; j <= i; ++j) {
          squares += std::pow(
              (a.product[i * size + j] - other.product[i * size + j]) / (kClip * kClip), 2);
        }
      }
      CHECK(std::sqrt(squares) <= StatisticsSensitivity(a.count, a.sum[kWidth] / a.count));
      // Without noise, because it follows from the length.
      CHECK(a.sum[kWidth] == other.sum[kWidth]);
      CHECK(a.product.back() == other.product.back());
    }
    double trace = 0;
    for (size_t i = 0; i < kWidth; ++i) trace += a.product[i * (kWidth + 1) + i];
    CHECK(trace <= a.count * kClip * kClip * (1 + 1e-12));
  }
}

TEST_CASE("Noise has its sigma, is symmetric and leaves what is public", "[probe]") {
  const ClassStatistics exact = Sums(1000);
  constexpr int kDraws = 400;
  const size_t size = kWidth + 1;
  double sums = 0, products = 0, fills = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    ClassStatistics noised = exact;
    REQUIRE_OK(AddNoise({.epsilon = 2, .delta = 1e-6}, kClip, noised));
    REQUIRE(noised.noise.has_value());
    CHECK(noised.count == exact.count);
    CHECK(noised.sum[kWidth] == exact.sum[kWidth]);
    CHECK(noised.product.back() == exact.product.back());
    const double sigma = noised.noise->sigma;
    for (size_t i = 0; i < kWidth; ++i) {
      sums += std::pow((noised.sum[i] - exact.sum[i]) / (sigma * kClip), 2);
      fills += std::pow(
          (noised.product[i * size + kWidth] - exact.product[i * size + kWidth]) / (sigma * kClip),
          2);
      for (size_t j = 0; j < i; ++j) {  // the diagonal may have been mended
        CHECK(noised.product[i * size + j] == noised.product[j * size + i]);
        products += std::pow(
            (noised.product[i * size + j] - exact.product[i * size + j]) / (sigma * kClip * kClip),
            2);
      }
    }
  }
  const double singles = kDraws * kWidth;
  const double pairs = kDraws * kWidth * (kWidth - 1) / 2;
  REQUIRE_NEAR(sums / singles, 1, 6 * std::sqrt(2 / singles));
  REQUIRE_NEAR(fills / singles, 1, 6 * std::sqrt(2 / singles));
  REQUIRE_NEAR(products / pairs, 1, 6 * std::sqrt(2 / pairs));
}

TEST_CASE("A router of noised sums is valid, however much noise", "[probe]") {
  for (const double epsilon : {0.01, 1.0, 100.0}) {
    ClassStatistics a = Sums(1000, 1, 1), b = Sums(1000, -1, 2);
    REQUIRE_OK(AddNoise({.epsilon = epsilon, .delta = 1e-6}, kClip, a));
    REQUIRE_OK(AddNoise({.epsilon = epsilon, .delta = 1e-6}, kClip, b));
    REQUIRE_OK(ValidateNoise(a));
    const std::vector<RidgeClass> classes = {{&a, 1}, {&b, 2}};
    REQUIRE_OK_AND_ASSIGN(const RouterParameters router, SolveRidge(classes, 3));
    REQUIRE_OK(ValidateRouter(router));
    REQUIRE_OK_AND_ASSIGN(const ClassStatistics read,
                          StatisticsFromTensors("legal", StatisticsToTensors(a)));
    REQUIRE(read.noise.has_value());
    CHECK(read.noise->sigma == a.noise->sigma);
    CHECK(read.product == a.product);
  }
}

TEST_CASE("Noise out of range, or other than it says, is refused", "[probe]") {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const ClassStatistics exact = Sums(1000);
  const double beyond[] = {0, -1, kNan, kInfinity, -kInfinity, 1e300, -1e300, 5e-324};
  for (const double bad : beyond) {
    INFO(bad);
    ClassStatistics statistics = exact;
    const auto refused = [&](const NoiseWish& wish, double clip) {
      REQUIRE_STATUS(AddNoise(wish, clip, statistics), absl::StatusCode::kInvalidArgument,
                     "MEMBER_STATISTICS_INVALID");
    };
    refused({.epsilon = bad}, kClip);
    refused({.epsilon = 1, .delta = bad}, kClip);
    refused({.epsilon = 1}, bad);
    CHECK(statistics.sum == exact.sum);
    REQUIRE_OK(AddNoise({}, kClip, statistics));
    for (double StatisticsNoise::*field : {&StatisticsNoise::epsilon, &StatisticsNoise::delta,
                                           &StatisticsNoise::clip, &StatisticsNoise::sigma}) {
      ClassStatistics bent = statistics;
      (*bent.noise).*field = bad;
      REQUIRE_STATUS(ValidateNoise(bent), absl::StatusCode::kInvalidArgument,
                     "MEMBER_STATISTICS_INVALID");
    }
  }
  struct Edge {
    double epsilon, delta;
    bool taken;
  };
  for (const Edge& edge :
       {Edge{kNoiseEpsilonMin, kNoiseDeltaMin, true}, Edge{kNoiseEpsilonMax, kNoiseDeltaMax, true},
        Edge{std::nextafter(kNoiseEpsilonMin, 0), 1e-6, false},
        Edge{std::nextafter(kNoiseEpsilonMax, 200), 1e-6, false},
        Edge{1, std::nextafter(kNoiseDeltaMin, 0), false},
        Edge{1, std::nextafter(kNoiseDeltaMax, 1), false}}) {
    ClassStatistics statistics = exact;
    INFO(edge.epsilon << " " << edge.delta);
    CHECK(AddNoise({edge.epsilon, edge.delta}, kClip, statistics).ok() == edge.taken);
  }
  ClassStatistics twice = exact;
  REQUIRE_OK(AddNoise({}, kClip, twice));
  REQUIRE_STATUS(AddNoise({}, kClip, twice), absl::StatusCode::kInvalidArgument,
                 "MEMBER_STATISTICS_INVALID");
  ClassStatistics less = twice;
  less.noise->sigma /= 2;  // says more noise is promised than there is
  REQUIRE_STATUS(ValidateNoise(less), absl::StatusCode::kInvalidArgument,
                 "MEMBER_STATISTICS_INVALID");
}

}  // namespace
}  // namespace kalavai

#include "common/probe/statistics_noise.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include <sys/random.h>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/router/linear_algebra.h"

namespace kalavai {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kBisections = 200;
constexpr int kDiagonalDoublings = 80;

absl::Status Invalid(std::string what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MEMBER_STATISTICS_INVALID",
                   {.what = std::move(what),
                    .why = "noise that is not what its epsilon and delta demand protects nobody",
                    .fix = "measure the statistics again, with 'kalavai statistics'"});
}

double NormalCdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

// δ that noise of this σ has at ε; falls with σ.
double DeltaOf(double epsilon, double sigma, double sensitivity) {
  const double half = sensitivity / (2 * sigma);
  const double shift = epsilon * sigma / sensitivity;
  return NormalCdf(half - shift) - std::exp(epsilon) * NormalCdf(-half - shift);
}

// In (0, 1]: 2^53 values.
double DrawUniform() {
  std::array<unsigned char, 8> bytes = {};
  ssize_t got = -1;
  do {
    got = getrandom(bytes.data(), bytes.size(), 0);
  } while (got < 0);
  KALAVAI_CHECK(got == static_cast<ssize_t>(bytes.size()),
                "getrandom(2) gives up to 256 bytes whole once the system has started");
  uint64_t bits = 0;
  for (const unsigned char byte : bytes) bits = bits << 8 | byte;
  return static_cast<double>((bits >> 11) + 1) * 0x1p-53;
}

absl::Status CheckRanges(double epsilon, double delta, double clip) {
  // Written so that NaN is out of range.
  if (!(epsilon >= kNoiseEpsilonMin && epsilon <= kNoiseEpsilonMax)) {
    return Invalid(absl::StrFormat("noise: epsilon %g; must be in [%g, %g]", epsilon,
                                   kNoiseEpsilonMin, kNoiseEpsilonMax));
  }
  if (!(delta >= kNoiseDeltaMin && delta <= kNoiseDeltaMax)) {
    return Invalid(absl::StrFormat("noise: delta %g; must be in [%g, %g]", delta, kNoiseDeltaMin,
                                   kNoiseDeltaMax));
  }
  if (!(clip >= kNoiseClipMin && clip <= kNoiseClipMax)) {
    return Invalid(
        absl::StrFormat("noise: clip %g; must be in [%g, %g]", clip, kNoiseClipMin, kNoiseClipMax));
  }
  return absl::OkStatus();
}

double SigmaOf(const ClassStatistics& statistics, double epsilon, double delta) {
  const double summaries = statistics.count / static_cast<double>(statistics.chunks);
  const double fill = statistics.sum.back() / statistics.count;
  return GaussianSigma(epsilon, delta, StatisticsSensitivity(summaries, fill));
}

// Σyyᵀ and, of the D numbers, Σzzᵀ - Σz Σzᵀ/n have Cholesky factors: data could have these sums.
bool CouldBeData(const ClassStatistics& statistics) {
  const size_t size = statistics.sum.size();
  const size_t width = size - 1;
  std::vector<double> scatter(width * width);
  for (size_t i = 0; i < width; ++i) {
    for (size_t j = 0; j < width; ++j) {
      scatter[i * width + j] = statistics.product[i * size + j] -
                               statistics.sum[i] * statistics.sum[j] / statistics.count;
    }
  }
  std::vector<double> product = statistics.product;
  return CholeskyFactor(scatter, width) && CholeskyFactor(product, size);
}

}  // namespace

double GaussianSigma(double epsilon, double delta, double sensitivity) {
  KALAVAI_CHECK(epsilon > 0 && delta > 0 && sensitivity > 0, "noise needs all three above 0");
  double low = 0;
  double high = sensitivity;
  while (DeltaOf(epsilon, high, sensitivity) > delta) high *= 2;
  for (int i = 0; i < kBisections; ++i) {
    const double middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) break;
    (DeltaOf(epsilon, middle, sensitivity) > delta ? low : high) = middle;
  }
  return high;
}

double StatisticsSensitivity(double summaries_per_chunk, double mean_fill) {
  return summaries_per_chunk * std::sqrt(6 + 4 * mean_fill * mean_fill);
}

void DrawNormal(std::span<double> out) {
  for (size_t i = 0; i < out.size(); i += 2) {  // Box & Muller 1958
    const double radius = std::sqrt(-2 * std::log(DrawUniform()));
    const double angle = 2 * kPi * DrawUniform();
    out[i] = radius * std::cos(angle);
    if (i + 1 < out.size()) out[i + 1] = radius * std::sin(angle);
  }
}

absl::Status AddNoise(const NoiseWish& wish, double clip, ClassStatistics& statistics) {
  RETURN_IF_ERROR(CheckRanges(wish.epsilon, wish.delta, clip));
  RETURN_IF_ERROR(ValidateStatistics(statistics, statistics.width));
  if (statistics.noise.has_value()) return Invalid("noise: there already; must be added once");
  const auto width = static_cast<size_t>(statistics.width);
  const size_t size = width + 1;
  const double sigma = SigmaOf(statistics, wish.epsilon, wish.delta);
  // The sums over z, then row after row of the lower triangle with the last number's.
  std::vector<double> normal(width + width * (width + 1) / 2 + width);
  DrawNormal(normal);
  size_t next = 0;
  for (size_t i = 0; i < width; ++i) statistics.sum[i] += sigma * clip * normal[next++];
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < (i < width ? i + 1 : width); ++j) {
      const double unit = i < width ? clip * clip : clip;
      statistics.product[i * size + j] += sigma * unit * normal[next++];
      statistics.product[j * size + i] = statistics.product[i * size + j];
    }
  }
  statistics.noise = {.epsilon = wish.epsilon, .delta = wish.delta, .clip = clip, .sigma = sigma};
  double added = 0;
  double step = sigma * clip * clip;
  for (int k = 0; k < kDiagonalDoublings && !CouldBeData(statistics); ++k) {
    for (size_t i = 0; i < width; ++i) statistics.product[i * size + i] += step - added;
    added = step;
    step *= 2;
  }
  if (!CouldBeData(statistics)) {
    return Invalid("noise: the sums cannot be made those of any data; must be of longer chunks");
  }
  return ValidateStatistics(statistics, statistics.width);
}

absl::Status ValidateNoise(const ClassStatistics& statistics) {
  if (!statistics.noise.has_value()) return absl::OkStatus();
  const StatisticsNoise& noise = *statistics.noise;
  RETURN_IF_ERROR(CheckRanges(noise.epsilon, noise.delta, noise.clip));
  const double sigma = SigmaOf(statistics, noise.epsilon, noise.delta);
  if (!(noise.sigma >= sigma * (1 - 1e-9) && noise.sigma <= sigma * (1 + 1e-9))) {
    return Invalid(absl::StrFormat("noise: sigma %g; must be %g, as epsilon %g and delta %g demand",
                                   noise.sigma, sigma, noise.epsilon, noise.delta));
  }
  return absl::OkStatus();
}

}  // namespace kalavai

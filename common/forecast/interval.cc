#include "common/forecast/interval.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <boost/math/distributions/normal.hpp>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/seeded_random.h"
#include "common/base/status_macros.h"
#include "common/forecast/forecast_file.h"

namespace kalavai {
namespace {

absl::Status Invalid(std::string what) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "LOSS_MATRIX_INVALID",
      {.what = std::move(what), .why = "an interval is drawn from the losses of single chunks"});
}

void CheckOptions(const BootstrapOptions& options) {
  KALAVAI_CHECK(options.resamples >= 100, "an interval needs at least 100 resamples");
  KALAVAI_CHECK(options.later_share >= 0, "a share of chunks is not negative");
  KALAVAI_CHECK(options.confidence > 0 && options.confidence < 1, "confidence lies in (0, 1)");
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double MeanAt(const std::vector<double>& values, const std::vector<size_t>& index) {
  double sum = 0;
  for (const size_t i : index) sum += values[i];
  return sum / static_cast<double>(index.size());
}

// ⌈n^(1/3)⌉, at least 1; a cube root a little above a whole number is that number.
size_t RunLength(size_t chunks) {
  return std::max<size_t>(
      1, static_cast<size_t>(std::ceil(std::cbrt(static_cast<double>(chunks)) - 1e-9)));
}

std::vector<size_t> Draw(size_t count, SeededRandom& random) {
  std::vector<size_t> index(count);
  const size_t block = RunLength(count);
  for (size_t i = 0; i < count; ++i) {
    index[i] = i % block == 0 ? static_cast<size_t>(random.Below(static_cast<int64_t>(count)))
                              : (index[i - 1] + 1) % count;
  }
  return index;
}

// Linear interpolation between order statistics (Hyndman & Fan 1996, type 7).
double Percentile(const std::vector<double>& sorted, double fraction) {
  const double at = fraction * static_cast<double>(sorted.size() - 1);
  const size_t low = static_cast<size_t>(at);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

// `model_error`: standard deviation of what the formula itself gets wrong, percentage points.
Estimate Summarise(double point, std::vector<double> gains, double model_error,
                   const BootstrapOptions& options) {
  std::sort(gains.begin(), gains.end());
  const double tail = (1 - options.confidence) / 2;
  const double wider = std::sqrt(1 + options.later_share);
  const double model = model_error * boost::math::quantile(boost::math::normal(), 1 - tail);
  // A percentile can lie on the far side of the point; the end it stands for is then the point.
  const auto distance = [&](double sampling) {
    return std::hypot(wider * std::max(0.0, sampling), model);
  };
  return {.gain_percent = point,
          .interval = {point - distance(point - Percentile(gains, tail)),
                       point + distance(Percentile(gains, 1 - tail) - point)}};
}

// A resample of a valid estimate can only fail by numbers that cancel; it is then skipped.
absl::Status TooFew(size_t valid) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID",
                   {.what = absl::StrFormat("%d resamples had losses above 0; must be most", valid),
                    .why = "the standard errors are larger than the losses"});
}

absl::Status ValidateChunks(const std::vector<double>& losses, absl::string_view where) {
  if (losses.empty()) return Invalid(absl::StrFormat("%s: no chunk; must be at least one", where));
  for (const double loss : losses) {
    if (!std::isfinite(loss) || loss < 0) {
      return Invalid(
          absl::StrFormat("%s: a chunk's loss is %g; must be finite and not below 0", where, loss));
    }
  }
  return absl::OkStatus();
}

double ImprovementPercent(const Coverage& coverage, std::span<const double> base_loss) {
  const std::vector<double>& won = coverage.domain_improvement;
  return 100 * std::accumulate(won.begin(), won.end(), 0.0) /
         std::accumulate(base_loss.begin(), base_loss.end(), 0.0);
}

// A drawn loss: none falls below 0, however little is known of it.
double AboveZero(double loss) { return std::max(kLossMin, loss); }

absl::Status ValidateStandardError(double error, absl::string_view whose) {
  if (std::isfinite(error) && error >= 0) return absl::OkStatus();
  return Invalid(
      absl::StrFormat("standard error of %s: %g; must be finite, not below 0", whose, error));
}

}  // namespace

double CoverageModelError(double improvement_percent) {
  return 0.43 * std::sqrt(improvement_percent);
}

double PairedStandardError(std::span<const double> before, std::span<const double> after) {
  KALAVAI_CHECK(before.size() == after.size(), "paired losses are of the same chunks");
  const size_t run = RunLength(before.size());
  std::vector<double> improvement;
  for (size_t c = 0; c + run <= before.size(); c += run) {
    double sum = 0;
    for (size_t i = c; i < c + run; ++i) sum += before[i] - after[i];
    improvement.push_back(sum / static_cast<double>(run));
  }
  if (improvement.size() < 2) return 0;
  const double mean = Mean(improvement);
  double squares = 0;
  for (const double value : improvement) squares += (value - mean) * (value - mean);
  const auto n = static_cast<double>(improvement.size());
  return std::sqrt(squares / (n - 1) / n);
}

absl::StatusOr<LossMatrix> MeanOverChunks(const ChunkLosses& chunks) {
  LossMatrix matrix{
      .domains = chunks.domains, .models = chunks.models, .own_domain = chunks.own_domain};
  for (size_t m = 0; m < chunks.loss.size(); ++m) {
    if (chunks.loss[m].size() != chunks.loss[0].size()) {
      return Invalid(absl::StrFormat("model %d: %d domains; must be %d", m, chunks.loss[m].size(),
                                     chunks.loss[0].size()));
    }
    std::vector<double> row;
    for (size_t d = 0; d < chunks.loss[m].size(); ++d) {
      RETURN_IF_ERROR(
          ValidateChunks(chunks.loss[m][d], absl::StrFormat("model %d, domain %d", m, d)));
      if (chunks.loss[m][d].size() != chunks.loss[0][d].size()) {
        return Invalid(absl::StrFormat("model %d, domain %d: %d chunks; must be the base's %d", m,
                                       d, chunks.loss[m][d].size(), chunks.loss[0][d].size()));
      }
      row.push_back(Mean(chunks.loss[m][d]));
    }
    matrix.loss.push_back(std::move(row));
  }
  RETURN_IF_ERROR(ValidateLossMatrix(matrix));
  return matrix;
}

absl::StatusOr<Estimate> BootstrapOracle(const ChunkLosses& chunks,
                                         const BootstrapOptions& options) {
  CheckOptions(options);
  ASSIGN_OR_RETURN(LossMatrix matrix, MeanOverChunks(chunks));
  if (matrix.own_domain.empty()) return Invalid("specialists: none; must be at least one");
  const double point = OracleGainPercent(matrix);
  SeededRandom random(options.seed);
  std::vector<double> gains;
  for (int r = 0; r < options.resamples; ++r) {
    for (size_t d = 0; d < matrix.domains.size(); ++d) {
      const std::vector<size_t> index = Draw(chunks.loss[0][d].size(), random);
      for (size_t m = 0; m < matrix.models.size(); ++m) {
        matrix.loss[m][d] = MeanAt(chunks.loss[m][d], index);
      }
    }
    gains.push_back(OracleGainPercent(matrix));
  }
  return Summarise(point, std::move(gains), /*model_error=*/0, options);
}

absl::StatusOr<Estimate> BootstrapCoverage(std::span<const MemberChunkLosses> members,
                                           const std::vector<std::vector<double>>& base_loss,
                                           const BootstrapOptions& options) {
  CheckOptions(options);
  std::vector<MemberLosses> means;
  for (size_t i = 0; i < members.size(); ++i) {
    const MemberChunkLosses& member = members[i];
    RETURN_IF_ERROR(ValidateChunks(member.base_loss, absl::StrFormat("member %d", i)));
    RETURN_IF_ERROR(ValidateChunks(member.specialist_loss, absl::StrFormat("member %d", i)));
    if (member.base_loss.size() != member.specialist_loss.size()) {
      return Invalid(absl::StrFormat("member %d: %d and %d chunks; must be the same", i,
                                     member.base_loss.size(), member.specialist_loss.size()));
    }
    means.push_back({.domain = member.domain,
                     .base_loss = Mean(member.base_loss),
                     .specialist_loss = Mean(member.specialist_loss)});
  }
  std::vector<double> base;
  for (size_t d = 0; d < base_loss.size(); ++d) {
    RETURN_IF_ERROR(ValidateChunks(base_loss[d], absl::StrFormat("base, domain %d", d)));
    base.push_back(Mean(base_loss[d]));
  }
  ASSIGN_OR_RETURN(const Coverage point, EstimateCoverage(means, base));
  SeededRandom random(options.seed);
  std::vector<double> gains;
  for (int r = 0; r < options.resamples; ++r) {
    for (size_t i = 0; i < members.size(); ++i) {
      const std::vector<size_t> index = Draw(members[i].base_loss.size(), random);
      means[i].base_loss = MeanAt(members[i].base_loss, index);
      means[i].specialist_loss = MeanAt(members[i].specialist_loss, index);
    }
    for (size_t d = 0; d < base.size(); ++d) {
      base[d] = MeanAt(base_loss[d], Draw(base_loss[d].size(), random));
    }
    const absl::StatusOr<Coverage> drawn = EstimateCoverage(means, base);
    if (drawn.ok()) gains.push_back(drawn->gain_percent);
  }
  if (gains.size() * 2 < static_cast<size_t>(options.resamples)) return TooFew(gains.size());
  return Summarise(point.gain_percent, std::move(gains),
                   CoverageModelError(ImprovementPercent(point, base)), options);
}

absl::StatusOr<Estimate> OracleFromStandardErrors(
    const LossMatrix& matrix, const std::vector<std::vector<double>>& standard_error,
    const BootstrapOptions& options) {
  CheckOptions(options);
  for (size_t i = 0; i < standard_error.size(); ++i) {
    for (const double error : standard_error[i]) {
      RETURN_IF_ERROR(ValidateStandardError(error, matrix.models[i + 1]));
    }
  }
  const double point = OracleGainPercent(matrix);
  SeededRandom random(options.seed);
  std::vector<double> gains;
  for (int r = 0; r < options.resamples; ++r) {
    LossMatrix drawn = matrix;
    for (size_t i = 0; i < standard_error.size(); ++i) {
      for (size_t d = 0; d < standard_error[i].size(); ++d) {
        double& loss = drawn.loss[i + 1][d];
        loss = AboveZero(loss + standard_error[i][d] * random.Normal());
      }
    }
    gains.push_back(OracleGainPercent(drawn));
  }
  return Summarise(point, std::move(gains), /*model_error=*/0, options);
}

absl::StatusOr<Estimate> CoverageFromStandardErrors(std::span<const MemberLosses> members,
                                                    std::span<const double> base_loss,
                                                    const BootstrapOptions& options) {
  CheckOptions(options);
  ASSIGN_OR_RETURN(const Coverage point, EstimateCoverage(members, base_loss));
  for (size_t i = 0; i < members.size(); ++i) {
    RETURN_IF_ERROR(
        ValidateStandardError(members[i].improvement_standard_error, absl::StrCat("member ", i)));
  }
  SeededRandom random(options.seed);
  std::vector<double> gains;
  for (int r = 0; r < options.resamples; ++r) {
    std::vector<MemberLosses> drawn(members.begin(), members.end());
    for (MemberLosses& member : drawn) {
      member.specialist_loss =
          AboveZero(member.specialist_loss - member.improvement_standard_error * random.Normal());
    }
    const absl::StatusOr<Coverage> value = EstimateCoverage(drawn, base_loss);
    if (value.ok()) gains.push_back(value->gain_percent);
  }
  if (gains.size() * 2 < static_cast<size_t>(options.resamples)) return TooFew(gains.size());
  return Summarise(point.gain_percent, std::move(gains),
                   CoverageModelError(ImprovementPercent(point, base_loss)), options);
}

}  // namespace kalavai

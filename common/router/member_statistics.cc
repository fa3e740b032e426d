#include "common/router/member_statistics.h"

#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"

#include "common/base/check.h"
#include "common/base/errors.h"

namespace kalavai {
namespace {

absl::Status Invalid(const ClassStatistics& statistics, const std::string& what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MEMBER_STATISTICS_INVALID",
                   {.what = absl::StrFormat("statistics of '%s': %s", statistics.label, what),
                    .why = "the prior of the gate is solved from the sums of all members",
                    .fix = "make them again from the base checkpoint of the cooperative"});
}

void Clip(double most, std::span<double> summary) {
  if (std::isinf(most)) return;
  double squares = 0;
  for (const double value : summary) squares += value * value;
  const double norm = std::sqrt(squares);
  if (norm <= most) return;
  for (double& value : summary) value *= most / norm;
}

}  // namespace

ClassStatistics EmptyStatistics(absl::string_view label, int width) {
  const size_t size = static_cast<size_t>(width) + 1;
  return {.label = std::string(label),
          .width = width,
          .sum = std::vector<double>(size, 0),
          .product = std::vector<double>(size * size, 0)};
}

void AddText(std::span<const float> hidden, double half_life, double shrinkage,
             ClassStatistics& statistics, double clip) {
  const size_t width = static_cast<size_t>(statistics.width);
  const size_t size = width + 1;
  KALAVAI_CHECK(hidden.size() % width == 0, "a text is whole states");
  ForgettingMean mean(statistics.width, half_life, shrinkage);
  std::vector<double> summary(size);
  const size_t rows = hidden.size() / width;
  for (size_t t = 0; t < rows; ++t) {
    if (t > 0 && t % kStatisticsStride == 0) {
      mean.Mean(std::span(summary).first(width));
      summary[width] = mean.Fill();
      Clip(clip, std::span(summary).first(width));
      statistics.count += 1;
      for (size_t i = 0; i < size; ++i) {
        statistics.sum[i] += summary[i];
        double* row = &statistics.product[i * size];
        for (size_t j = 0; j <= i; ++j) row[j] += summary[i] * summary[j];
      }
    }
    mean.Push(hidden.subspan(t * width, width));
  }
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < i; ++j) {
      statistics.product[j * size + i] = statistics.product[i * size + j];
    }
  }
  statistics.chunks += 1;
}

void Merge(const ClassStatistics& other, ClassStatistics& statistics) {
  KALAVAI_CHECK(other.width == statistics.width, "statistics of one base have one width");
  statistics.count += other.count;
  statistics.chunks += other.chunks;
  for (size_t i = 0; i < other.sum.size(); ++i) statistics.sum[i] += other.sum[i];
  for (size_t i = 0; i < other.product.size(); ++i) statistics.product[i] += other.product[i];
}

absl::Status ValidateStatistics(const ClassStatistics& statistics, int width) {
  const size_t size = static_cast<size_t>(width) + 1;
  if (statistics.width != width || statistics.sum.size() != size ||
      statistics.product.size() != size * size) {
    return Invalid(statistics,
                   absl::StrFormat("width %d with %d sums and %d products; must be %d, %d and %d",
                                   statistics.width, statistics.sum.size(),
                                   statistics.product.size(), width, size, size * size));
  }
  if (!std::isfinite(statistics.count) || statistics.count < 1 || statistics.chunks < 1) {
    return Invalid(statistics, absl::StrFormat("%g summaries of %d texts; must be at least 1",
                                               statistics.count, statistics.chunks));
  }
  for (size_t i = 0; i < size; ++i) {
    const double sum = statistics.sum[i];
    for (size_t j = 0; j <= i; ++j) {
      const double value = statistics.product[i * size + j];
      if (!std::isfinite(value) || value != statistics.product[j * size + i]) {
        return Invalid(statistics, absl::StrFormat("product %d, %d: %g; must be finite and equal "
                                                   "to product %d, %d",
                                                   i, j, value, j, i));
      }
    }
    const double square = statistics.product[i * size + i];
    if (!std::isfinite(sum) || square < 0 || square * statistics.count < 0.9 * sum * sum) {
      return Invalid(statistics, absl::StrFormat("sum %d: %g with square sum %g; no %g numbers "
                                                 "have these",
                                                 i, sum, square, statistics.count));
    }
  }
  if (!(statistics.sum[size - 1] > 0)) {
    return Invalid(statistics, "the weight of what was read is not above 0; must be");
  }
  return absl::OkStatus();
}

}  // namespace kalavai

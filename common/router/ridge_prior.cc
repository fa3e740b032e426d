#include "common/router/ridge_prior.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/router/linear_algebra.h"

namespace kalavai {
namespace {

// Directions of little variance are mostly noise: this share of the mean variance is added to all.
constexpr double kWhiteningFloor = 1e-3;
// A coordinate of the hidden state with less than this share of the largest variance is constant.
constexpr double kConstantVariance = 1e-12;
// At least this ridge when a member's sums have noise.
constexpr double kNoisedRidge = 0.1;

absl::Status Invalid(std::string what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MEMBER_STATISTICS_INVALID",
                   {.what = std::move(what)});
}

// Mean over the classes, each with the same weight: m [F] and M [F][F].
struct Moments {
  std::vector<double> mean = {};
  std::vector<double> product = {};
};

Moments AverageClasses(std::span<const RidgeClass> classes) {
  Moments moments;
  moments.mean.assign(classes[0].statistics->sum.size(), 0);
  moments.product.assign(classes[0].statistics->product.size(), 0);
  for (const RidgeClass& one : classes) {
    const double scale = 1 / (one.statistics->count * static_cast<double>(classes.size()));
    for (size_t i = 0; i < moments.mean.size(); ++i) {
      moments.mean[i] += scale * one.statistics->sum[i];
    }
    for (size_t i = 0; i < moments.product.size(); ++i) {
      moments.product[i] += scale * one.statistics->product[i];
    }
  }
  return moments;
}

struct Standardisation {
  std::vector<double> centre = {};       // μ [D]
  std::vector<double> scale = {};        // 1 / standard deviation [D]; 0 for a constant
  std::vector<double> correlation = {};  // of (S - W μ) / (W + 8) [D][D]
};

Standardisation Standardise(const Moments& moments) {
  const size_t size = moments.mean.size();
  const size_t width = size - 1;
  Standardisation result;
  for (size_t i = 0; i < width; ++i) {
    result.centre.push_back(moments.mean[i] / moments.mean[width]);
  }
  result.correlation.assign(width * width, 0);
  const double fill = moments.product[width * size + width];
  for (size_t i = 0; i < width; ++i) {
    for (size_t j = 0; j < width; ++j) {
      result.correlation[i * width + j] = moments.product[i * size + j] -
                                          result.centre[i] * moments.product[width * size + j] -
                                          moments.product[i * size + width] * result.centre[j] +
                                          result.centre[i] * result.centre[j] * fill;
    }
  }
  double largest = 0;
  for (size_t i = 0; i < width; ++i) {
    largest = std::max(largest, result.correlation[i * width + i]);
  }
  for (size_t i = 0; i < width; ++i) {
    const double variance = result.correlation[i * width + i];
    const bool constant = !(variance > kConstantVariance * largest);
    result.scale.push_back(constant ? 0 : 1 / std::sqrt(variance));
  }
  for (size_t i = 0; i < width; ++i) {
    for (size_t j = 0; j < width; ++j) {
      result.correlation[i * width + j] *= result.scale[i] * result.scale[j];
    }
  }
  return result;
}

// rows [count][size] times a symmetric matrix [size][size].
std::vector<double> Multiply(const std::vector<double>& rows, const std::vector<double>& matrix,
                             size_t count, size_t size) {
  std::vector<double> result(count * size);
  for (size_t r = 0; r < count; ++r) {
    for (size_t i = 0; i < size; ++i) {
      result[r * size + i] = DotProduct(&rows[r * size], &matrix[i * size], size);
    }
  }
  return result;
}

// rows · matrix · rowsᵀ [count][count], with `floor` of the mean diagonal added to the diagonal.
std::vector<double> Project(const std::vector<double>& rows, const std::vector<double>& matrix,
                            size_t count, size_t size, double floor) {
  const std::vector<double> half = Multiply(rows, matrix, count, size);
  std::vector<double> result(count * count);
  double trace = 0;
  for (size_t r = 0; r < count; ++r) {
    for (size_t q = 0; q < count; ++q) {
      result[r * count + q] = DotProduct(&half[r * size], &rows[q * size], size);
    }
    trace += result[r * count + r];
  }
  const double added = floor * trace / static_cast<double>(count);
  for (size_t r = 0; r < count; ++r) result[r * count + r] += added;
  return result;
}

double RidgeOf(std::span<const RidgeClass> classes, const RidgeOptions& options) {
  const bool noised = std::any_of(classes.begin(), classes.end(), [](const RidgeClass& one) {
    return one.statistics->noise.has_value();
  });
  return noised ? std::max(options.ridge, kNoisedRidge) : options.ridge;
}

absl::Status CannotFactor() {
  return MakeError(absl::StatusCode::kFailedPrecondition, "ROUTER_INVALID",
                   {.what = "covariance of the summaries: not positive; must be",
                    .why = "the statistics are too few, constant, or noised too much",
                    .fix = "use more text or less noise; the uniform router needs none"});
}

// A = L⁻¹ Q diag(scale) (I, -μ).
absl::StatusOr<FeatureTransform> MakeTransform(const Moments& moments, int features_max) {
  const size_t width = moments.mean.size() - 1;
  const size_t features = std::min(static_cast<size_t>(std::max(features_max, 1)), width);
  const Standardisation standard = Standardise(moments);
  std::vector<double> rows = LeadingSubspace(standard.correlation, width, features);
  std::vector<double> factor =
      Project(rows, standard.correlation, features, width, kWhiteningFloor);
  if (!CholeskyFactor(factor, features)) return CannotFactor();
  FeatureTransform transform{.width = static_cast<int>(width),
                             .features = static_cast<int>(features),
                             .matrix = std::vector<double>(features * (width + 1))};
  std::vector<double> column(features);
  for (size_t i = 0; i < width; ++i) {
    for (size_t k = 0; k < features; ++k) column[k] = rows[k * width + i] * standard.scale[i];
    SolveLower(factor, features, column);
    for (size_t k = 0; k < features; ++k) transform.matrix[k * (width + 1) + i] = column[k];
  }
  for (size_t k = 0; k < features; ++k) {
    double* row = &transform.matrix[k * (width + 1)];
    row[width] = -DotProduct(row, standard.centre.data(), width);
  }
  return transform;
}

}  // namespace

absl::StatusOr<RouterParameters> SolveRidge(std::span<const RidgeClass> classes, int experts,
                                            const RidgeOptions& options) {
  if (classes.empty()) return Invalid("classes: none; must be at least one");
  for (const RidgeClass& one : classes) {
    RETURN_IF_ERROR(ValidateStatistics(*one.statistics, classes[0].statistics->width));
    if (one.expert < 0 || one.expert >= experts) {
      return Invalid(absl::StrFormat("expert of '%s': %d; must be in [0, %d)",
                                     one.statistics->label, one.expert, experts));
    }
  }
  const Moments moments = AverageClasses(classes);
  ASSIGN_OR_RETURN(FeatureTransform transform, MakeTransform(moments, options.features_max));
  const size_t features = static_cast<size_t>(transform.features);
  const size_t size = moments.mean.size();
  std::vector<double> factor =
      Project(transform.matrix, moments.product, features, size, RidgeOf(classes, options));
  if (!CholeskyFactor(factor, features)) return CannotFactor();
  RouterParameters router{.experts = experts,
                          .rung = RouterRung::kRidge,
                          .half_life = options.half_life,
                          .shrinkage = options.shrinkage,
                          .transform = std::move(transform)};
  router.weight.assign(static_cast<size_t>(experts) * features, 0);
  router.bias.assign(static_cast<size_t>(experts), 0);
  const double share = options.temperature / static_cast<double>(classes.size());
  for (const RidgeClass& one : classes) {
    // The summaries are centred, so the intercept is the share of classes that are the expert's.
    router.bias[static_cast<size_t>(one.expert)] += share;
    double* row = &router.weight[static_cast<size_t>(one.expert) * features];
    for (size_t k = 0; k < features; ++k) {
      row[k] += share / one.statistics->count *
                DotProduct(&router.transform.matrix[k * size], one.statistics->sum.data(), size);
    }
  }
  for (size_t i = 0; i < static_cast<size_t>(experts); ++i) {
    const std::span<double> row = std::span(router.weight).subspan(i * features, features);
    SolveLower(factor, features, row);
    SolveLowerTransposed(factor, features, row);
  }
  RETURN_IF_ERROR(ValidateRouter(router));
  return router;
}

RouterParameters WithTemperature(RouterParameters parameters, double from, double to) {
  for (double& value : parameters.weight) value *= to / from;
  for (double& value : parameters.bias) value *= to / from;
  return parameters;
}

}  // namespace kalavai

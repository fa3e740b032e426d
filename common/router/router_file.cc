#include "common/router/router_file.h"

#include <cmath>
#include <cstddef>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"

namespace kalavai {
namespace {

constexpr double kFormatVersion = 1;
constexpr int kSizeMax = 1 << 20;  // experts, width, features: far above any, safe to multiply

absl::Status Invalid(absl::string_view reason, std::string what) {
  return MakeError(absl::StatusCode::kInvalidArgument, reason, {.what = std::move(what)});
}

// The arrays by name; every array once, shapes that match their values.
absl::StatusOr<std::map<std::string, const NamedArray*>> IndexArrays(
    absl::string_view reason, std::span<const NamedArray> arrays) {
  std::map<std::string, const NamedArray*> index;
  for (const NamedArray& array : arrays) {
    size_t size = 1;
    for (const int64_t extent : array.shape) {
      if (extent < 0 || extent > kSizeMax) {
        return Invalid(reason, absl::StrFormat("array '%s': extent %d; must be in [0, %d]",
                                               array.name, extent, kSizeMax));
      }
      size *= static_cast<size_t>(extent);
    }
    if (array.shape.size() > 2 || size != array.values.size()) {
      return Invalid(reason, absl::StrFormat("array '%s': %d values; must be %d", array.name,
                                             array.values.size(), size));
    }
    if (!index.emplace(array.name, &array).second) {
      return Invalid(reason, absl::StrFormat("array '%s': occurs twice", array.name));
    }
  }
  return index;
}

// Takes an array of the given shape out of the index.
absl::StatusOr<std::vector<double>> Take(absl::string_view reason, const std::string& name,
                                         const std::vector<int64_t>& shape,
                                         std::map<std::string, const NamedArray*>& index) {
  const auto found = index.find(name);
  if (found == index.end()) {
    return Invalid(reason, absl::StrFormat("array '%s': missing; must be there", name));
  }
  const NamedArray& array = *found->second;
  if (array.shape != shape) {
    return Invalid(reason,
                   absl::StrFormat("array '%s': shape [%s]; must be [%s]", name,
                                   absl::StrJoin(array.shape, ", "), absl::StrJoin(shape, ", ")));
  }
  index.erase(found);
  return array.values;
}

// A whole number in [low, kSizeMax] from a scalar.
absl::StatusOr<int> ToCount(absl::string_view reason, absl::string_view name, double value,
                            int low) {
  if (!(value >= low && value <= kSizeMax) || value != std::floor(value)) {
    return Invalid(reason, absl::StrFormat("%s: %g; must be a whole number in [%d, %d]", name,
                                           value, low, kSizeMax));
  }
  return static_cast<int>(value);
}

absl::Status CheckRead(absl::string_view reason, double version,
                       const std::map<std::string, const NamedArray*>& left) {
  if (version != kFormatVersion) {
    return Invalid(reason,
                   absl::StrFormat("format version: %g; must be %g", version, kFormatVersion));
  }
  if (!left.empty()) {
    return Invalid(reason, absl::StrFormat("array '%s': unknown", left.begin()->first));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<NamedArray> RouterToTensors(const RouterParameters& parameters) {
  const RouterParameters& p = parameters;
  const int64_t features = p.transform.features;
  std::vector<NamedArray> arrays;
  if (p.rung != RouterRung::kUniform) {
    arrays.push_back({"router.bias", {p.experts}, p.bias});
  }
  if (p.mixture == Mixture::kLogit) arrays.push_back({"router.mixture", {1}, {1}});
  arrays.push_back(
      {"router.scalars",
       {8},
       {kFormatVersion, static_cast<double>(p.experts), static_cast<double>(p.rung), p.alpha, p.eta,
        p.half_life, p.shrinkage, static_cast<double>(p.transform.width)}});
  if (p.rung != RouterRung::kUniform) {
    arrays.push_back({"router.transform", {features, p.transform.width + 1}, p.transform.matrix});
    arrays.push_back({"router.weight", {p.experts, features}, p.weight});
  }
  return arrays;
}

absl::StatusOr<RouterParameters> RouterFromTensors(std::span<const NamedArray> arrays) {
  constexpr absl::string_view kReason = "ROUTER_INVALID";
  for (const NamedArray& array : arrays) {
    if (!absl::StartsWith(array.name, "reference.")) continue;
    return MakeError(absl::StatusCode::kFailedPrecondition, "ROUTER_REFERENCE_ONLY",
                     {.what = absl::StrFormat(
                          "array '%s': of a look-ahead gate; must be a router's", array.name),
                      .why = "the published gate reads the whole text before it weighs the first "
                             "token: it can score a text and cannot write one",
                      .fix = "fuse again; the reference gate is for comparison only"});
  }
  ASSIGN_OR_RETURN(auto index, IndexArrays(kReason, arrays));
  ASSIGN_OR_RETURN(const std::vector<double> scalars, Take(kReason, "router.scalars", {8}, index));
  RouterParameters p;
  ASSIGN_OR_RETURN(p.experts, ToCount(kReason, "experts", scalars[1], 2));
  ASSIGN_OR_RETURN(const int rung, ToCount(kReason, "rung", scalars[2], 0));
  if (rung > static_cast<int>(RouterRung::kUniform)) {
    return Invalid(kReason, absl::StrFormat("rung: %d; must be 0, 1 or 2", rung));
  }
  p.rung = static_cast<RouterRung>(rung);
  p.alpha = scalars[3];
  p.eta = scalars[4];
  p.half_life = scalars[5];
  p.shrinkage = scalars[6];
  ASSIGN_OR_RETURN(p.transform.width, ToCount(kReason, "width", scalars[7], 0));
  if (index.contains("router.mixture")) {
    ASSIGN_OR_RETURN(const std::vector<double> mixture,
                     Take(kReason, "router.mixture", {1}, index));
    if (mixture[0] != 1) {
      return Invalid(kReason, absl::StrFormat("mixture: %g; must be 1, logit", mixture[0]));
    }
    p.mixture = Mixture::kLogit;
  }
  if (p.rung != RouterRung::kUniform) {
    const auto transform = index.find("router.transform");
    if (transform != index.end() && !transform->second->shape.empty()) {
      p.transform.features = static_cast<int>(transform->second->shape[0]);
    }
    ASSIGN_OR_RETURN(
        p.transform.matrix,
        Take(kReason, "router.transform", {p.transform.features, p.transform.width + 1}, index));
    ASSIGN_OR_RETURN(p.weight,
                     Take(kReason, "router.weight", {p.experts, p.transform.features}, index));
    ASSIGN_OR_RETURN(p.bias, Take(kReason, "router.bias", {p.experts}, index));
  }
  RETURN_IF_ERROR(CheckRead(kReason, scalars[0], index));
  RETURN_IF_ERROR(ValidateRouter(p));
  return p;
}

std::vector<NamedArray> StatisticsToTensors(const ClassStatistics& statistics) {
  const int64_t size = statistics.width + 1;
  std::vector<NamedArray> arrays = {{"statistics.product", {size, size}, statistics.product},
                                    {"statistics.scalars",
                                     {4},
                                     {kFormatVersion, static_cast<double>(statistics.width),
                                      statistics.count, static_cast<double>(statistics.chunks)}},
                                    {"statistics.sum", {size}, statistics.sum}};
  if (statistics.noise.has_value()) {
    const StatisticsNoise& noise = *statistics.noise;
    arrays.push_back(
        {"statistics.noise", {4}, {noise.epsilon, noise.delta, noise.clip, noise.sigma}});
  }
  return arrays;
}

absl::StatusOr<ClassStatistics> StatisticsFromTensors(absl::string_view label,
                                                      std::span<const NamedArray> arrays) {
  constexpr absl::string_view kReason = "MEMBER_STATISTICS_INVALID";
  ASSIGN_OR_RETURN(auto index, IndexArrays(kReason, arrays));
  ASSIGN_OR_RETURN(const std::vector<double> scalars,
                   Take(kReason, "statistics.scalars", {4}, index));
  ClassStatistics statistics{.label = std::string(label)};
  ASSIGN_OR_RETURN(statistics.width, ToCount(kReason, "width", scalars[1], 1));
  statistics.count = scalars[2];
  ASSIGN_OR_RETURN(statistics.chunks, ToCount(kReason, "chunks", scalars[3], 1));
  const int64_t size = statistics.width + 1;
  ASSIGN_OR_RETURN(statistics.sum, Take(kReason, "statistics.sum", {size}, index));
  ASSIGN_OR_RETURN(statistics.product, Take(kReason, "statistics.product", {size, size}, index));
  if (index.contains("statistics.noise")) {
    ASSIGN_OR_RETURN(const std::vector<double> noise,
                     Take(kReason, "statistics.noise", {4}, index));
    statistics.noise = {
        .epsilon = noise[0], .delta = noise[1], .clip = noise[2], .sigma = noise[3]};
  }
  RETURN_IF_ERROR(CheckRead(kReason, scalars[0], index));
  RETURN_IF_ERROR(ValidateStatistics(statistics, statistics.width));
  return statistics;
}

}  // namespace kalavai

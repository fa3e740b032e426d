#include "common/router/router_parameters.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/router/linear_algebra.h"

namespace kalavai {
namespace {

absl::Status Invalid(std::string what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "ROUTER_INVALID",
                   {.what = std::move(what), .fix = "fuse again"});
}

bool AllFinite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

}  // namespace

absl::string_view RouterRungName(RouterRung rung) {
  switch (rung) {
    case RouterRung::kTrained:
      return "trained";
    case RouterRung::kRidge:
      return "ridge";
    case RouterRung::kUniform:
      return "uniform";
  }
  return "uniform";
}

absl::string_view MixtureName(Mixture mixture) {
  return mixture == Mixture::kLogit ? "logit" : "probability";
}

Mixture MixtureFromName(absl::string_view name) {
  const Mixture mixture =
      name == MixtureName(Mixture::kLogit) ? Mixture::kLogit : Mixture::kProbability;
  KALAVAI_CHECK(name == MixtureName(mixture), "a name that MixtureName gave");
  return mixture;
}

RouterParameters UniformRouter(int experts) { return {.experts = experts}; }

absl::Status ValidateRouter(const RouterParameters& parameters) {
  const RouterParameters& p = parameters;
  if (p.experts < 2) {
    return Invalid(absl::StrFormat("experts: %d; must be at least 2, the base first", p.experts));
  }
  if (!(p.alpha >= 0 && p.alpha <= 1) || !(p.eta > 0 && p.eta <= 1)) {
    return Invalid(
        absl::StrFormat("alpha %g, eta %g; must be in [0, 1] and (0, 1]", p.alpha, p.eta));
  }
  if (!(p.half_life > 0 && p.shrinkage > 0) || !std::isfinite(p.half_life + p.shrinkage)) {
    return Invalid(
        absl::StrFormat("half-life %g, shrinkage %g; must be above 0", p.half_life, p.shrinkage));
  }
  if (p.rung == RouterRung::kUniform) {
    if (p.transform.matrix.empty() && p.weight.empty() && p.bias.empty()) return absl::OkStatus();
    return Invalid("a uniform router has learned numbers; must have none");
  }
  const size_t experts = static_cast<size_t>(p.experts);
  const size_t features = static_cast<size_t>(std::max(p.transform.features, 0));
  const size_t width = static_cast<size_t>(std::max(p.transform.width, 0));
  if (features == 0 || width == 0 || p.transform.matrix.size() != features * (width + 1) ||
      p.weight.size() != experts * features || p.bias.size() != experts) {
    return Invalid(absl::StrFormat(
        "transform %d, weight %d, bias %d numbers; must be %d, %d and %d, all above 0",
        p.transform.matrix.size(), p.weight.size(), p.bias.size(), features * (width + 1),
        experts * features, experts));
  }
  if (!AllFinite(p.transform.matrix) || !AllFinite(p.weight) || !AllFinite(p.bias)) {
    return Invalid("a learned number is not finite; must be");
  }
  return absl::OkStatus();
}

void ComputePrior(const RouterParameters& parameters, std::span<const double> features,
                  std::span<const uint8_t> allowed, std::span<double> prior) {
  const size_t experts = static_cast<size_t>(parameters.experts);
  KALAVAI_CHECK(allowed.size() == experts && prior.size() == experts, "one entry an expert");
  double count = 0;
  for (const uint8_t flag : allowed) count += flag != 0 ? 1 : 0;
  KALAVAI_CHECK(count > 0, "at least one expert is allowed");
  if (parameters.rung == RouterRung::kUniform) {
    for (size_t i = 0; i < experts; ++i) prior[i] = allowed[i] != 0 ? 1 / count : 0;
    return;
  }
  KALAVAI_CHECK(features.size() == static_cast<size_t>(parameters.transform.features),
                "features come from the router's own transform");
  double largest = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < experts; ++i) {
    if (allowed[i] == 0) continue;
    prior[i] =
        DotProduct(&parameters.weight[i * features.size()], features.data(), features.size()) +
        parameters.bias[i];
    largest = std::max(largest, prior[i]);
  }
  double sum = 0;
  for (size_t i = 0; i < experts; ++i) {
    prior[i] = allowed[i] != 0 ? std::exp(prior[i] - largest) : 0;
    sum += prior[i];
  }
  for (size_t i = 0; i < experts; ++i) {
    if (allowed[i] == 0) continue;
    prior[i] = (1 - parameters.eta) * (prior[i] / sum) + parameters.eta / count;
  }
}

}  // namespace kalavai

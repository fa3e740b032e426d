#include "common/router/reference_gate.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/seeded_random.h"
#include "common/router/linear_algebra.h"

namespace kalavai {
namespace {

constexpr char kScalars[] = "reference.scalars";
constexpr char kWeight[] = "reference.weight";
constexpr double kFormatVersion = 1;

absl::Status Invalid(std::string what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "ROUTER_INVALID", {.what = std::move(what)});
}

}  // namespace

ReferenceGate::ReferenceGate(int specialists, int width, uint64_t seed)
    : specialists_(specialists), width_(width) {
  KALAVAI_CHECK(specialists > 1 && width > 0, "a gate chooses among specialists by a state");
  SeededRandom random(seed);
  const auto size = static_cast<size_t>(specialists) * static_cast<size_t>(width);
  for (size_t i = 0; i < size; ++i) {
    weight_.push_back((2 * random.Uniform() - 1) / std::sqrt(static_cast<double>(width)));
  }
  first_.assign(size, 0);
  second_.assign(size, 0);
}

std::vector<double> ReferenceGate::Weights(std::span<const double> mean_hidden) const {
  const auto width = static_cast<size_t>(width_);
  KALAVAI_CHECK(mean_hidden.size() == width, "the state is of the gate's width");
  std::vector<double> weights;
  for (size_t i = 0; i < static_cast<size_t>(specialists_); ++i) {
    weights.push_back(DotProduct(&weight_[i * width], mean_hidden.data(), width));
  }
  const double high = *std::max_element(weights.begin(), weights.end());
  double total = 0;
  for (double& weight : weights) total += weight = std::exp(weight - high);
  for (double& weight : weights) weight /= total;
  return weights;
}

std::vector<double> ReferenceGate::Gradient(std::span<const double> mean_hidden,
                                            std::span<const double> slope) const {
  const std::vector<double> weights = Weights(mean_hidden);
  double mean = 0;
  for (size_t i = 0; i < weights.size(); ++i) mean += weights[i] * slope[i];
  std::vector<double> gradient;
  for (size_t i = 0; i < weights.size(); ++i) {
    for (const double value : mean_hidden) {
      gradient.push_back(weights[i] * (slope[i] - mean) * value);
    }
  }
  return gradient;
}

void ReferenceGate::Step(std::span<const double> gradient) {
  KALAVAI_CHECK(gradient.size() == weight_.size(), "one gradient for each weight");
  ++step_;
  const double correct_first = 1 - std::pow(0.9, step_);
  const double correct_second = 1 - std::pow(0.999, step_);
  for (size_t i = 0; i < weight_.size(); ++i) {
    first_[i] = 0.9 * first_[i] + 0.1 * gradient[i];
    second_[i] = 0.999 * second_[i] + 0.001 * gradient[i] * gradient[i];
    weight_[i] *= 1 - kReferenceLearningRate * kReferenceWeightDecay;
    weight_[i] -= kReferenceLearningRate * (first_[i] / correct_first) /
                  (std::sqrt(second_[i] / correct_second) + 1e-8);
  }
}

std::vector<NamedArray> ReferenceGate::ToTensors() const {
  return {{kScalars,
           {3},
           {kFormatVersion, static_cast<double>(specialists_), static_cast<double>(width_)}},
          {kWeight, {specialists_, width_}, weight_}};
}

absl::StatusOr<ReferenceGate> ReferenceGate::FromTensors(std::span<const NamedArray> arrays) {
  const NamedArray* scalars = nullptr;
  const NamedArray* weight = nullptr;
  for (const NamedArray& array : arrays) {
    const NamedArray** const slot = array.name == kScalars  ? &scalars
                                    : array.name == kWeight ? &weight
                                                            : nullptr;
    if (slot == nullptr || *slot != nullptr) {
      return Invalid(absl::StrCat("array '", array.name, "': unknown, or twice"));
    }
    *slot = &array;
  }
  if (scalars == nullptr || weight == nullptr) {
    return Invalid(absl::StrCat("arrays: '", kScalars, "' and '", kWeight, "' must be there"));
  }
  if (scalars->values.size() != 3 || scalars->values[0] != kFormatVersion) {
    return Invalid(absl::StrCat(kScalars, ": must be 3 numbers, the first ", kFormatVersion));
  }
  if (weight->shape.size() != 2 || weight->shape[0] < 2 || weight->shape[1] < 1 ||
      weight->values.size() % static_cast<size_t>(weight->shape[0]) != 0 ||
      weight->values.size() / static_cast<size_t>(weight->shape[0]) !=
          static_cast<size_t>(weight->shape[1]) ||
      static_cast<double>(weight->shape[0]) != scalars->values[1] ||
      static_cast<double>(weight->shape[1]) != scalars->values[2]) {
    return Invalid(absl::StrCat(kWeight, ": must be [specialists, width] as the scalars say"));
  }
  for (const double value : weight->values) {
    if (!std::isfinite(value)) return Invalid(absl::StrCat(kWeight, ": a number is not finite"));
  }
  ReferenceGate gate;
  gate.specialists_ = static_cast<int>(weight->shape[0]);
  gate.width_ = static_cast<int>(weight->shape[1]);
  gate.weight_ = weight->values;
  gate.first_.assign(gate.weight_.size(), 0);
  gate.second_.assign(gate.weight_.size(), 0);
  return gate;
}

}  // namespace kalavai

#include "common/router/gate_features.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "common/base/check.h"
#include "common/router/linear_algebra.h"

namespace kalavai {

ForgettingMean::ForgettingMean(int width, double half_life, double shrinkage)
    : decay_(std::exp2(-1 / half_life)),
      shrinkage_(shrinkage),
      sum_(static_cast<size_t>(width), 0.0) {}

void ForgettingMean::Push(std::span<const float> vector) {
  KALAVAI_CHECK(vector.size() == sum_.size(), "a vector has the width of the mean");
  double* const sum = sum_.data();
  const float* const from = vector.data();
  for (size_t i = 0; i < vector.size(); ++i) {
    sum[i] = decay_ * sum[i] + static_cast<double>(from[i]);
  }
  weight_ = decay_ * weight_ + 1;
}

void ForgettingMean::Mean(std::span<double> out) const {
  const double scale = 1 / (weight_ + shrinkage_);
  KALAVAI_CHECK(out.size() == sum_.size(), "a mean has the width of its vectors");
  const double* const sum = sum_.data();
  double* const to = out.data();
  for (size_t i = 0; i < out.size(); ++i) to[i] = sum[i] * scale;
}

void ProjectState(const FeatureTransform& transform, std::span<const float> hidden,
                  std::span<float> out) {
  const size_t width = static_cast<size_t>(transform.width);
  KALAVAI_CHECK(hidden.size() == width, "a state has the width of the router");
  for (size_t k = 0; k < out.size(); ++k) {
    const double* row = &transform.matrix[k * (width + 1)];
    out[k] = static_cast<float>(DotProduct(row, hidden.data(), width) + row[width]);
  }
}

void ProjectStates(const FeatureTransform& transform, std::span<const float> hidden,
                   std::span<float> out) {
  constexpr size_t kBlock = 32;  // states that are widened to double at a time
  const size_t width = static_cast<size_t>(transform.width);
  const size_t features = static_cast<size_t>(transform.features);
  const size_t states = hidden.size() / width;
  KALAVAI_CHECK(hidden.size() == states * width && out.size() == states * features,
                "a state has the width of the router");
  const Rows matrix = {transform.matrix.data(), features, width, width + 1};
  std::vector<double> wide(kBlock * width);
  std::vector<double> product(kBlock * features);
  for (size_t first = 0; first < states; first += kBlock) {
    const size_t count = std::min(kBlock, states - first);
    std::copy_n(&hidden[first * width], count * width, wide.begin());
    MultiplyRows(matrix, {wide.data(), count, width, width}, product.data());
    float* to = &out[first * features];
    for (size_t at = 0; at < count * features; ++at) {
      to[at] =
          static_cast<float>(product[at] + transform.matrix[at % features * (width + 1) + width]);
    }
  }
}

GateFeatures::GateFeatures(const FeatureTransform& transform, double half_life, double shrinkage)
    : transform_(&transform),
      mean_(transform.features, half_life, shrinkage),
      projected_(static_cast<size_t>(transform.features)),
      z_(static_cast<size_t>(transform.features), 0.0) {}

void GateFeatures::Push(std::span<const float> hidden) {
  ProjectState(*transform_, hidden, projected_);
  PushProjected(projected_);
}

void GateFeatures::PushProjected(std::span<const float> projected) {
  mean_.Push(projected);
  mean_.Mean(z_);
}

}  // namespace kalavai

#include "common/router/router_texts.h"

#include <algorithm>
#include <cstddef>

#include "common/router/gate_features.h"

namespace kalavai {

RouterTexts::RouterTexts(const ProbeData& data, const RouterParameters& router)
    : data_(&data),
      half_life_(router.half_life),
      shrinkage_(router.shrinkage),
      feature_count_(static_cast<size_t>(router.transform.features)) {
  const size_t width = static_cast<size_t>(data.width);
  const size_t rows = data.hidden.size() / width;
  projected_.resize(rows * feature_count_);
  for (size_t row = 0; row < rows; ++row) {
    ProjectState(router.transform, data.hidden.subspan(row * width, width),
                 std::span(projected_).subspan(row * feature_count_, feature_count_));
  }
  log_prob_.resize(static_cast<size_t>(data.rows) * static_cast<size_t>(data.experts));
  features_.resize(static_cast<size_t>(data.rows) * feature_count_);
}

void RouterTexts::Make(TextSource source) {
  const size_t rows = static_cast<size_t>(data_->rows);
  const size_t experts = static_cast<size_t>(data_->experts);
  const size_t cut = rows / 2;
  ForgettingMean mean(static_cast<int>(feature_count_), half_life_, shrinkage_);
  for (size_t t = 0; t < rows; ++t) {
    const int64_t chunk = t < cut ? source.first : source.second;
    const std::span<const float> row = data_->ChunkLogProb(chunk).subspan(t * experts, experts);
    std::copy(row.begin(), row.end(), &log_prob_[t * experts]);
    mean.Mean(std::span(features_).subspan(t * feature_count_, feature_count_));
    const size_t at = (static_cast<size_t>(chunk) * rows + t) * feature_count_;
    mean.Push(std::span<const float>(projected_).subspan(at, feature_count_));
  }
}

}  // namespace kalavai

#include "common/router/router_texts.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "common/router/gate_features.h"

namespace kalavai {

RouterTexts::RouterTexts(const ProbeData& data, const RouterParameters& router, ForkJoin& workers)
    : data_(&data),
      half_life_(router.half_life),
      shrinkage_(router.shrinkage),
      feature_count_(static_cast<size_t>(router.transform.features)) {
  const size_t chunks = data.domain.size();
  const size_t rows = static_cast<size_t>(data.rows);
  projected_.resize(chunks * rows * feature_count_);
  likelihoods_.Resize(chunks * rows, static_cast<size_t>(data.experts));
  workers.Run(chunks, [&](size_t chunk, size_t) {
    const int64_t index = static_cast<int64_t>(chunk);
    ProjectStates(
        router.transform, data.ChunkHidden(index),
        std::span(projected_).subspan(chunk * rows * feature_count_, rows * feature_count_));
    likelihoods_.Set(chunk * rows, data.ChunkLogProb(index));
  });
}

void RouterTexts::Make(TextSource source, RouterText& text) const {
  const size_t rows = static_cast<size_t>(data_->rows);
  const size_t experts = static_cast<size_t>(data_->experts);
  const size_t cut = rows / 2;
  text.likelihoods.Resize(rows, experts);
  text.features.resize(rows * feature_count_);
  ForgettingMean mean(static_cast<int>(feature_count_), half_life_, shrinkage_);
  for (size_t t = 0; t < rows; ++t) {
    const size_t chunk = static_cast<size_t>(t < cut ? source.first : source.second);
    text.likelihoods.Copy(likelihoods_, chunk * rows + t, t);
    mean.Mean(std::span(text.features).subspan(t * feature_count_, feature_count_));
    const size_t at = (chunk * rows + t) * feature_count_;
    mean.Push(std::span<const float>(projected_).subspan(at, feature_count_));
  }
}

}  // namespace kalavai

#include "common/router/router_texts.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "common/router/gate_features.h"

namespace kalavai {

RouterTexts::RouterTexts(const ProbeData& data, const RouterParameters& router, ForkJoin& workers)
    : data_(&data),
      decay_(std::exp2(-1 / router.half_life)),
      feature_count_(static_cast<size_t>(router.transform.features)) {
  const size_t chunks = data.domain.size();
  const size_t size = rows() * feature_count_;  // of a chunk
  double weight = 0;
  for (size_t t = 0; t < rows(); ++t) {
    scale_.push_back(1 / (weight + router.shrinkage));
    weight = decay_ * weight + 1;
  }
  projected_.resize(chunks * size);
  likelihoods_.Resize(chunks * rows(), static_cast<size_t>(data.experts));
  std::vector<std::vector<float>> scratch(workers.threads(), std::vector<float>(size));
  workers.Run(chunks, [&](size_t chunk, size_t worker) {
    const int64_t index = static_cast<int64_t>(chunk);
    likelihoods_.Set(chunk * rows(), data.ChunkLogProb(index));
    const std::vector<float>& states = scratch[worker];
    ProjectStates(router.transform, data.ChunkHidden(index), scratch[worker]);
    float* to = &projected_[chunk * size];
    for (size_t block = 0; block < blocks(); ++block) {
      for (size_t t = 0; t < rows(); ++t) {
        to = std::copy_n(&states[t * feature_count_ + block * kFeatureBlock], ColumnsOf(block), to);
      }
    }
  });
}

void RouterTexts::Make(TextSource source, RouterText& text) const {
  text.likelihoods.Resize(rows(), static_cast<size_t>(data_->experts));
  const size_t cut = rows() / 2;
  for (size_t t = 0; t < rows(); ++t) {
    const size_t chunk = static_cast<size_t>(t < cut ? source.first : source.second);
    text.likelihoods.Copy(likelihoods_, chunk * rows() + t, t);
  }
  text.features.resize(rows() * feature_count_);
  for (size_t block = 0; block < blocks(); ++block) {
    WriteBlock(source, block, text.features.data() + block * kFeatureBlock, feature_count_);
  }
}

void RouterTexts::MakeBlock(TextSource source, size_t block, std::vector<double>& features) const {
  features.resize(rows() * ColumnsOf(block));
  WriteBlock(source, block, features.data(), ColumnsOf(block));
}

// The forgetting mean of gate_features.h, operation by operation.
void RouterTexts::WriteBlock(TextSource source, size_t block, double* to, size_t stride) const {
  const size_t columns = ColumnsOf(block);
  const size_t cut = rows() / 2;
  double sum[kFeatureBlock] = {};
  for (size_t t = 0; t < rows(); ++t) {
    const size_t chunk = static_cast<size_t>(t < cut ? source.first : source.second);
    const float* from =
        &projected_[(chunk * feature_count_ + block * kFeatureBlock) * rows() + t * columns];
    for (size_t i = 0; i < columns; ++i) {
      to[t * stride + i] = sum[i] * scale_[t];
      sum[i] = decay_ * sum[i] + static_cast<double>(from[i]);
    }
  }
}

}  // namespace kalavai

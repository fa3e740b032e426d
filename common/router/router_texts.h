// The texts a router is trained on, made in the cache: whole chunks, and spliced ones of two
// halves.
//
//   const RouterTexts texts(data, router, workers);
//   RouterText text;  // one a thread
//   texts.Make({first, second}, text);
//
// What no step changes is computed once: states are projected (gate_features.h: features are a
// forgetting mean of projected states), and probabilities are taken relative to the best expert's.
// So a spliced text costs no more than a whole one, and its features are those of reading the first
// half of one chunk and going on with the second half of the other.
#ifndef KALAVAI_COMMON_ROUTER_ROUTER_TEXTS_H_
#define KALAVAI_COMMON_ROUTER_ROUTER_TEXTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/base/fork_join.h"
#include "common/router/filter_gradient.h"
#include "common/router/linear_algebra.h"
#include "common/router/probe_data.h"
#include "common/router/router_parameters.h"

namespace kalavai {

inline constexpr size_t kFeatureBlock = 16;  // columns; as floats, a cache line

// Rows [0, T/2) of chunk `first`, then rows [T/2, T) of chunk `second`; a whole chunk if they are
// equal.
struct TextSource {
  int64_t first = 0;
  int64_t second = 0;
};

// What a router learns from: probabilities and features of one text. Memory is used again.
struct RouterText {
  Likelihoods likelihoods = {};       // of T rows
  std::vector<double> features = {};  // z [T][K]
};

// Thread-safe: immutable. `data` must outlive it.
class RouterTexts {
 public:
  // A router that is not kUniform; the numbers are the same for any number of workers.
  RouterTexts(const ProbeData& data, const RouterParameters& router, ForkJoin& workers);

  void Make(TextSource source, RouterText& text) const;
  // A block of kFeatureBlock columns of the features of Make, to the same bits; the last may have
  // fewer: [T][columns of the block].
  void MakeBlock(TextSource source, size_t block, std::vector<double>& features) const;
  size_t blocks() const { return (feature_count_ + kFeatureBlock - 1) / kFeatureBlock; }
  size_t ColumnsOf(size_t block) const {
    return std::min(kFeatureBlock, feature_count_ - block * kFeatureBlock);
  }

  size_t rows() const { return static_cast<size_t>(data_->rows); }  // T

 private:
  void WriteBlock(TextSource source, size_t block, double* to, size_t stride) const;

  const ProbeData* data_;
  double decay_;
  size_t feature_count_;
  std::vector<double> scale_;  // 1 / (W_t + shrinkage) [T]
  // [chunks][blocks][T][columns of the block]: what one block reads lies together.
  std::vector<float> projected_;
  Likelihoods likelihoods_;  // of [chunks][T] rows
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_ROUTER_TEXTS_H_

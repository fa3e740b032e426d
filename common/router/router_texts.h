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

#include <cstdint>
#include <vector>

#include "common/base/fork_join.h"
#include "common/router/filter_gradient.h"
#include "common/router/linear_algebra.h"
#include "common/router/probe_data.h"
#include "common/router/router_parameters.h"

namespace kalavai {

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

 private:
  const ProbeData* data_;
  double half_life_;
  double shrinkage_;
  size_t feature_count_;
  std::vector<float> projected_;  // [chunks][T][K]
  Likelihoods likelihoods_;       // of [chunks][T] rows
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_ROUTER_TEXTS_H_

// The texts a router is trained on, made in the cache: whole chunks, and spliced ones of two
// halves.
//
// States are projected once (gate_features.h: features are a forgetting mean of projected states),
// so a spliced text costs no more than a whole one, and its features are those of reading the first
// half of one chunk and going on with the second half of the other. Not thread-safe. `data` must
// outlive it.
#ifndef KALAVAI_COMMON_ROUTER_ROUTER_TEXTS_H_
#define KALAVAI_COMMON_ROUTER_ROUTER_TEXTS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "common/router/probe_data.h"
#include "common/router/router_parameters.h"

namespace kalavai {

// Rows [0, T/2) of chunk `first`, then rows [T/2, T) of chunk `second`; a whole chunk if they are
// equal.
struct TextSource {
  int64_t first = 0;
  int64_t second = 0;
};

class RouterTexts {
 public:
  RouterTexts(const ProbeData& data, const RouterParameters& router);

  // Makes the text; the spans below hold until the next call.
  void Make(TextSource source);
  std::span<const float> LogProb() const { return log_prob_; }    // [T][n]
  std::span<const double> Features() const { return features_; }  // [T][K]

 private:
  const ProbeData* data_;
  double half_life_;
  double shrinkage_;
  size_t feature_count_;
  std::vector<float> projected_;  // [chunks][T][K]
  std::vector<float> log_prob_;
  std::vector<double> features_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_ROUTER_TEXTS_H_

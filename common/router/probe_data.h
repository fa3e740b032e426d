// What a router is trained and judged on: the numbers of a probe pass, as plain arrays (design
// §3.2).
//
// Probe text of each domain is cut into chunks. The probe pass runs the base and every specialist
// once over each chunk x_0 … x_T and keeps, for the T tokens that can be predicted, one *row* each:
//
//   row t of a chunk is about token y_t = x_(t+1), t = 0 … T-1:
//     log_prob[t][i]  log p_i(y_t | all text before it), nats, of expert i; expert 0 is the base
//     hidden[t]       the base's (or shared trunk's) hidden state AFTER it has read y_t
//
// So the gate that weighs the experts for row t may use log_prob and hidden of rows 0 … t-1 only,
// and row 0 has no features. The state after x_0, which is never predicted, is left out on purpose:
// the first position of a transformer holds an attention sink, a state that says nothing about the
// text and is many times larger than any other. Serving feeds the gate the same way: nothing for
// the first token, then one hidden state for each token whose probabilities it has weighed.
//
// ProbeData owns nothing: the caller (common/probe, or a mapped cache file) keeps the arrays alive
// and unchanged. Thread-safe: immutable.
#ifndef KALAVAI_COMMON_ROUTER_PROBE_DATA_H_
#define KALAVAI_COMMON_ROUTER_PROBE_DATA_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace kalavai {

struct ProbeData {
  int experts = 0;  // n = N + 1, the base first
  int width = 0;    // D, of the hidden state
  int rows = 0;     // T, per chunk; every chunk has the same number (short ones are not kept)
  std::vector<std::string> domains =
      {};                                // names; a class of public text is a domain like any other
  std::span<const float> log_prob = {};  // [chunks][T][n]
  std::span<const float> hidden = {};    // [chunks][T][D]
  std::span<const int32_t> domain = {};  // [chunks] index into domains
  // [chunks] which chunk of the domain's text it is; only for the caller's reports.
  std::span<const int32_t> chunk = {};

  int64_t chunks() const { return static_cast<int64_t>(domain.size()); }
  // [T][n] and [T][D] of one chunk.
  std::span<const float> ChunkLogProb(int64_t index) const {
    const size_t size = static_cast<size_t>(rows) * static_cast<size_t>(experts);
    return log_prob.subspan(static_cast<size_t>(index) * size, size);
  }
  std::span<const float> ChunkHidden(int64_t index) const {
    const size_t size = static_cast<size_t>(rows) * static_cast<size_t>(width);
    return hidden.subspan(static_cast<size_t>(index) * size, size);
  }
};

// A log-probability is at most 0; float32 rounding of a log-softmax may put it just above.
inline constexpr float kLogProbMax = 1e-4F;

// InvalidArgument PROBE_CACHE_INVALID: sizes disagree; a domain has no chunk; a log-probability is
// NaN or above 0 by more than rounding, or -infinity for every expert of a row (a single expert may
// exclude a token); a hidden state is not finite.
absl::Status ValidateProbeData(const ProbeData& data);

// Chunks by domain, [domain][…] in the order of the data.
std::vector<std::vector<int64_t>> ChunksByDomain(const ProbeData& data);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_PROBE_DATA_H_

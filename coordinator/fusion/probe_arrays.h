// The probe caches of all experts, put side by side as the router reads them (common/router
// ProbeData), for one part of the probe text.
//
// Row t of a chunk of T tokens is about token t + 1, so a chunk has T − 1 rows; the hidden state of
// row t is the base's after token t + 1 (probe_data.h says why the state after token 0 is left
// out). Chunks keep the order of the probe text: by domain.
// Move-only: `data` points into the vectors. Any thread once built.
#ifndef KALAVAI_COORDINATOR_FUSION_PROBE_ARRAYS_H_
#define KALAVAI_COORDINATOR_FUSION_PROBE_ARRAYS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "common/probe/probe_cache.h"
#include "common/probe/probe_text.h"
#include "common/router/probe_data.h"

namespace kalavai::coordinator {

struct ProbeArrays {
  std::vector<float> log_prob;  // [chunks][T − 1][n]
  std::vector<float> hidden;    // [chunks][T − 1][D]
  std::vector<int32_t> domain;  // [chunks]
  std::vector<int32_t> chunk;   // [chunks] index into the probe text
  ProbeData data;

  ProbeArrays() = default;
  ProbeArrays(ProbeArrays&&) noexcept = default;
  ProbeArrays& operator=(ProbeArrays&&) noexcept = default;
};

// `caches`: the base first, with features; then the specialists. INVALID_ARGUMENT
// PROBE_CACHE_INVALID when one was made from another text, or the base's has no features.
absl::StatusOr<ProbeArrays> BuildProbeArrays(const ProbeText& probe,
                                             std::span<const ProbeCache> caches, ProbePart part);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_PROBE_ARRAYS_H_

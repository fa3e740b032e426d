#include "coordinator/fusion/probe_arrays.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"

namespace kalavai::coordinator {

absl::StatusOr<ProbeArrays> BuildProbeArrays(const ProbeText& probe,
                                             std::span<const ProbeCache> caches, ProbePart part) {
  for (const ProbeCache& cache : caches) RETURN_IF_ERROR(CheckProbeCache(probe, cache));
  if (caches.empty() || caches.front().feature_width == 0) {
    return MakeError(absl::StatusCode::kInvalidArgument, "PROBE_CACHE_INVALID",
                     {.what = "probe cache of the base: holds no features; must hold them"});
  }
  const size_t experts = caches.size();
  const auto rows = static_cast<size_t>(probe.chunk_tokens - 1);
  const auto width = static_cast<size_t>(caches.front().feature_width);
  ProbeArrays arrays;
  for (int64_t c = 0; c < probe.chunk_count(); ++c) {
    const auto chunk = static_cast<size_t>(c);
    if (probe.chunk_part[chunk] != part) continue;
    arrays.domain.push_back(probe.chunk_domain[chunk]);
    arrays.chunk.push_back(static_cast<int32_t>(c));
    for (size_t t = 0; t < rows; ++t) {
      for (const ProbeCache& cache : caches) {
        arrays.log_prob.push_back(cache.log_probs[chunk * rows + t]);
      }
      const size_t state = (chunk * (rows + 1) + t + 1) * width;
      const std::vector<float>& features = caches.front().features;
      arrays.hidden.insert(arrays.hidden.end(), features.begin() + static_cast<ptrdiff_t>(state),
                           features.begin() + static_cast<ptrdiff_t>(state + width));
    }
  }
  arrays.data.experts = static_cast<int>(experts);
  arrays.data.width = static_cast<int>(width);
  arrays.data.rows = static_cast<int>(rows);
  for (const ProbeDomain& domain : probe.domains) arrays.data.domains.push_back(domain.name);
  arrays.data.log_prob = arrays.log_prob;
  arrays.data.hidden = arrays.hidden;
  arrays.data.domain = arrays.domain;
  arrays.data.chunk = arrays.chunk;
  RETURN_IF_ERROR(ValidateProbeData(arrays.data));
  return arrays;
}

}  // namespace kalavai::coordinator

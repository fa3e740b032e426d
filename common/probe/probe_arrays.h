// The caches of base and specialists as the arrays the router works on.
//
//   ASSIGN_OR_RETURN(const ProbeArrays router_part,
//                    ProbeArrays::Assemble(probe, {&base, &first, &second}, ProbePart::kRouter));
//   FitRidge(router_part.data(), …);
//
// Row t of a chunk is about token t + 1, so there are T − 1 rows; hidden[t] is the base's state
// after token t + 1 (common/router/probe_data.h says why the first token's state is left out).
// Copies the caches: 4·(n + D) bytes a row. data() points into the object and lives as long as it,
// moves included. Immutable.
#ifndef KALAVAI_COMMON_PROBE_PROBE_ARRAYS_H_
#define KALAVAI_COMMON_PROBE_PROBE_ARRAYS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "common/probe/probe_cache.h"
#include "common/probe/probe_text.h"
#include "common/router/probe_data.h"

namespace kalavai {

class ProbeArrays {
 public:
  // `caches`: the base first, with features; then the specialists, in member order. Errors:
  // INVALID_ARGUMENT PROBE_CACHE_INVALID: a cache of another probe text, a base without features,
  // no cache at all, or what ValidateProbeData refuses.
  static absl::StatusOr<ProbeArrays> Assemble(const ProbeText& probe,
                                              std::span<const ProbeCache* const> caches,
                                              ProbePart part);

  ProbeArrays(ProbeArrays&&) noexcept = default;
  ProbeArrays& operator=(ProbeArrays&&) noexcept = default;

  const ProbeData& data() const { return data_; }
  // [chunks of the part] index of the chunk in the probe text.
  std::span<const int32_t> chunks() const { return chunk_; }

 private:
  ProbeArrays() = default;

  std::vector<float> log_prob_;
  std::vector<float> hidden_;
  std::vector<int32_t> domain_;
  std::vector<int32_t> chunk_;
  ProbeData data_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PROBE_PROBE_ARRAYS_H_

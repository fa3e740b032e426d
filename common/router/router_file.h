// Routers and member statistics as named arrays; coordinator/router_safetensors and a member's
// submission hold them as safetensors (dtype F64 throughout, so every number returns with the same
// bits).
//
// A router:   "router.scalars" [8] = format version (1), experts, rung, alpha, eta, half-life,
// shrinkage,
//             width; unless the rung is uniform "router.transform" [K, D + 1], "router.weight" [n,
//             K], "router.bias" [n]; of a logit mixture only, "router.mixture" [1] = 1, which a
//             program that knows no such mixture refuses.
// Statistics: "statistics.scalars" [4] = format version (1), width, count, chunks;
//             "statistics.sum" [D + 1], "statistics.product" [D + 1, D + 1].
//
// Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_ROUTER_ROUTER_FILE_H_
#define KALAVAI_COMMON_ROUTER_ROUTER_FILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/router/member_statistics.h"
#include "common/router/router_parameters.h"

namespace kalavai {

struct NamedArray {
  std::string name = {};
  std::vector<int64_t> shape = {};
  std::vector<double> values = {};  // row-major
};

// Sorted by name.
std::vector<NamedArray> RouterToTensors(const RouterParameters& parameters);
// InvalidArgument ROUTER_INVALID: an array is missing, unknown or of another shape; or as
// ValidateRouter. FailedPrecondition ROUTER_REFERENCE_ONLY: they are those of a published gate
// (reference_gate.h), which cannot serve. Arrays may come in any order.
absl::StatusOr<RouterParameters> RouterFromTensors(std::span<const NamedArray> arrays);

std::vector<NamedArray> StatisticsToTensors(const ClassStatistics& statistics);
// InvalidArgument MEMBER_STATISTICS_INVALID: as above, or as ValidateStatistics.
absl::StatusOr<ClassStatistics> StatisticsFromTensors(absl::string_view label,
                                                      std::span<const NamedArray> arrays);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_ROUTER_FILE_H_

// router.safetensors: the router as a file of a released model (arrays of
// common/router/router_file.h, all F64, so that every number returns with the same bits; equal
// routers give equal bytes). Errors: those of common/safetensors; ROUTER_INVALID. Any thread.
#ifndef KALAVAI_COORDINATOR_ROUTER_SAFETENSORS_H_
#define KALAVAI_COORDINATOR_ROUTER_SAFETENSORS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/router/router_parameters.h"

namespace kalavai::coordinator {

inline constexpr char kRouterFile[] = "router.safetensors";

// Atomic.
absl::Status WriteRouter(const std::string& path, const RouterParameters& router);
absl::StatusOr<RouterParameters> ReadRouter(const std::string& path);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ROUTER_SAFETENSORS_H_

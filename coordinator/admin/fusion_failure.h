// Why a fusion has failed, as an error: a stored fusion keeps reason and message; when it happens
// and what to do are in the table of reasons (common/cli/reason_table.h). Pure function.
#ifndef KALAVAI_COORDINATOR_ADMIN_FUSION_FAILURE_H_
#define KALAVAI_COORDINATOR_ADMIN_FUSION_FAILURE_H_

#include "absl/status/status.h"

#include "kalavai/v1/fusion.pb.h"

namespace kalavai::coordinator {

// FAILED_PRECONDITION with the fusion's own reason; INTERNAL where it has none.
absl::Status FusionFailure(const v1::Fusion& fusion);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_FUSION_FAILURE_H_

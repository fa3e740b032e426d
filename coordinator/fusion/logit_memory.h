// May a mixture of logits be judged here? Its pass holds base and specialists in memory at once
// (common/probe/logit_pass.h); everything else of a fusion holds one model at a time.
//
//   RETURN_IF_ERROR(CheckLogitMemory(blobs, plan, FreeMemory()));
//
// Reads the base's config.json from the blobs; thread-safe.
#ifndef KALAVAI_COORDINATOR_FUSION_LOGIT_MEMORY_H_
#define KALAVAI_COORDINATOR_FUSION_LOGIT_MEMORY_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"

#include "common/storage/blob_store.h"
#include "coordinator/fusion/fusion_input.h"

namespace kalavai::coordinator {

// OK for every other mixture, and where `available` (bytes) is not known.
// Errors: RESOURCE_EXHAUSTED OUT_OF_MEMORY (metadata `needed`, `available`, bytes); those of
// reading the blob and of ModelConfig::FromJson.
absl::Status CheckLogitMemory(const BlobStore& blobs, const FusionPlan& plan,
                              std::optional<int64_t> available);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_LOGIT_MEMORY_H_

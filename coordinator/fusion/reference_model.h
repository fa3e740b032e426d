// Models a fusion's report compares with (design §2: a monolithic model, where text can be pooled):
// checked before any compute, read from the administrator's directory when the fusion probes.
//
//   ASSIGN_OR_RETURN(const std::vector<ReferenceModel> checked,
//                    CheckReferenceModels(blobs, base, wished));
//   …
//   RETURN_IF_ERROR(CheckUnchanged(reference));  // right before its probe pass
//
// A reference model must read text as the base does, or its nats per token mean something else:
// config.json equal but for the type of the stored weights, the same tokenizer.json byte for byte,
// tensors of the same names and shapes. Hashes every byte of the directory's checkpoint files: run
// it on a worker. Pure functions of files; any thread.
#ifndef KALAVAI_COORDINATOR_FUSION_REFERENCE_MODEL_H_
#define KALAVAI_COORDINATOR_FUSION_REFERENCE_MODEL_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/storage/blob_store.h"
#include "coordinator/checkpoint/checkpoint_store.h"
#include "coordinator/fusion/fusion_store.h"

namespace kalavai::coordinator {

// Fills in the root digests. Errors:
//   INVALID_ARGUMENT    FIELD_INVALID             a bad or repeated label, too many, no absolute
//   path FAILED_PRECONDITION REFERENCE_MODEL_MISMATCH  metadata `label`, `file`
// and those of CheckpointDirectory::Open and ModelConfig::FromJson.
absl::StatusOr<std::vector<ReferenceModel>> CheckReferenceModels(
    const BlobStore& blobs, const CheckpointRow& base, std::vector<ReferenceModel> wished);

// FAILED_PRECONDITION REFERENCE_MODEL_MISMATCH when the directory holds other bytes than those of
// `root_digest`.
absl::Status CheckUnchanged(const ReferenceModel& reference);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_REFERENCE_MODEL_H_

// Brings the canonical base into the workspace, file by file, and verifies it.
//
// Files arrive in base.partial/ under their own names; a file that is there already is continued at
// its size, and checked whole when it is complete. Only a directory that verifies (charter's root
// digest, coordinator's signature, every digest) becomes base/, by one rename.
//
// Errors: FAILED_PRECONDITION BASE_MISMATCH (the coordinator offers another base than the
// charter's); those of VerifyBundle and MatchManifest; DATA_LOSS DIGEST_MISMATCH (a file came
// damaged twice); UNAVAILABLE COORDINATOR_UNREACHABLE; CANCELLED INTERRUPTED. One thread.
#ifndef KALAVAI_CONTRIBUTOR_CHECKPOINT_BASE_DOWNLOAD_H_
#define KALAVAI_CONTRIBUTOR_CHECKPOINT_BASE_DOWNLOAD_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/crypto/model_signature.h"
#include "contributor/coordinator_connection.h"
#include "contributor/workspace.h"
#include "kalavai/v1/checkpoint.pb.h"

namespace kalavai::contributor {

struct BaseDownload {
  int64_t files = 0;
  int64_t bytes = 0;           // of the base
  int64_t received_bytes = 0;  // by this call
};

// `progress` gets bytes present and in all.
absl::StatusOr<BaseDownload> DownloadBase(const Workspace& workspace,
                                          const CoordinatorConnection& coordinator,
                                          absl::FunctionRef<void(int64_t, int64_t)> progress);

// The total size of a checkpoint's files: flat, safe and unique names, sane sizes, and the digests
// of its signed manifest. Errors: FAILED_PRECONDITION BASE_MISMATCH, INVALID_ARGUMENT
// SIZE_MISMATCH and NAME_INVALID, those of MatchManifest.
absl::StatusOr<int64_t> CheckListedFiles(const v1::Checkpoint& checkpoint,
                                         const ModelManifest& manifest);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_CHECKPOINT_BASE_DOWNLOAD_H_

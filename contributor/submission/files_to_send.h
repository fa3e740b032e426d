// Which files of a submission go out: what the coordinator says it lacks, as far as this member
// offered it.
//
// The list comes from the other side and is not believed. A file leaves only if it is one that was
// built, signed and declared here, by name, size and digest; a name of any other file, "../keys/…"
// say, ends the submission before a byte leaves (T16: a coordinator may be malicious).
// Thread-safe: pure functions.
#ifndef KALAVAI_CONTRIBUTOR_SUBMISSION_FILES_TO_SEND_H_
#define KALAVAI_CONTRIBUTOR_SUBMISSION_FILES_TO_SEND_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "contributor/submission/submission_builder.h"
#include "kalavai/v1/submission.pb.h"

namespace kalavai::contributor {

// PermissionDenied FILE_NOT_OFFERED unless `asked` is `file` in name, size and digest.
absl::Status CheckAsked(const v1::FileDigest& asked, const BuiltFile& file);

// The files of `built` that `missing` names, in its order.
// PermissionDenied FILE_NOT_OFFERED: one that was not declared, declared otherwise, or named twice.
absl::StatusOr<std::vector<BuiltFile>> FilesToSend(const BuiltSubmission& built,
                                                   const v1::DeclareFilesResponse& missing);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_SUBMISSION_FILES_TO_SEND_H_

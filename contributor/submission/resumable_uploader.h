// Sends one file of a submission and survives whatever happens in between: a broken connection, a
// coordinator that restarts, a chunk damaged on its way, this process killed and started again.
//
//   ResumableUploader uploader(stub, address);
//   RETURN_IF_ERROR(uploader.Send(submission, file, directory, [&](int64_t sent) { … }));
//
// The rule of submission.proto: after any break ask GetUpload how much is persisted, seek there,
// write on. Gives up when limits of patience are reached without one more persisted byte. A
// coordinator that has not noticed yet that the earlier stream is dead answers UPLOAD_BUSY: that is
// waited for, too. One thread.
#ifndef KALAVAI_CONTRIBUTOR_SUBMISSION_RESUMABLE_UPLOADER_H_
#define KALAVAI_CONTRIBUTOR_SUBMISSION_RESUMABLE_UPLOADER_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/base/limits.h"
#include "contributor/submission/submission_builder.h"
#include "kalavai/v1/submission.grpc.pb.h"

namespace kalavai::contributor {

// Whether a broken write is answered by asking for the size and going on.
bool IsResumable(const absl::Status& status);

class ResumableUploader {
 public:
  // How long it goes on without one more persisted byte. Longer than the coordinator's idle limit,
  // after which a dead writer's place is free again.
  static constexpr absl::Duration kPatience = absl::Seconds(limits::kUploadPatienceSeconds);

  ResumableUploader(v1::SubmissionService::Stub& stub, std::string address,
                    absl::Duration patience = kPatience)
      : stub_(stub), address_(std::move(address)), patience_(patience) {}

  // `file` as it was declared, in `directory` on this disk; a symbolic link there is not followed.
  // `progress` gets the bytes of the file that have been handed over. Errors: those of
  // submission.proto that do not resume; INTERRUPTED; MANIFEST_MISMATCH when the file here is not
  // the one that was declared; FILE_NOT_OFFERED when the coordinator's upload is of another.
  absl::Status Send(const std::string& submission, const BuiltFile& file,
                    const std::string& directory, absl::FunctionRef<void(int64_t)> progress);

 private:
  absl::StatusOr<v1::Upload> Ask(const std::string& upload);
  // Writes from the persisted size to the end, in one stream.
  absl::StatusOr<v1::Upload> Stream(const v1::Upload& from, const BuiltFile& file,
                                    const std::string& directory,
                                    absl::FunctionRef<void(int64_t)> progress);

  v1::SubmissionService::Stub& stub_;
  const std::string address_;
  const absl::Duration patience_;
};

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_SUBMISSION_RESUMABLE_UPLOADER_H_

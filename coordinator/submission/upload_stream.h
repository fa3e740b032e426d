// WriteUpload: one reactor for one client stream. Rules: submission.proto; storage: upload_session.
//
// Chunks are hashed and written on gRPC's thread (a few milliseconds each); syncs and the final
// hash of the whole file run on the WorkerQueue. A client that is silent for
// limits::kStreamIdleSeconds is cut off, so that nobody holds an upload by doing nothing; what it
// sent stays. The queue must outlive the server's shutdown: a task dropped by an early Stop would
// leave the stream without an end.
#ifndef KALAVAI_COORDINATOR_SUBMISSION_UPLOAD_STREAM_H_
#define KALAVAI_COORDINATOR_SUBMISSION_UPLOAD_STREAM_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"

#include "common/base/limits.h"
#include "common/base/worker_queue.h"
#include "coordinator/caller_identity.h"
#include "coordinator/submission/submission_store.h"
#include "coordinator/submission/upload_session.h"
#include "kalavai/v1/submission.pb.h"

namespace kalavai::coordinator {

struct UploadStreamParts {
  UploadSessions& sessions;
  WorkerQueue& queue;
  // Whether this caller may write this upload: PERMISSION_DENIED, UPLOAD_NOT_FOUND, PHASE_MISMATCH.
  std::function<absl::StatusOr<UploadRecord>(const std::string& upload)> authorize;
  // The answer when the stream ends well.
  std::function<absl::Status(const std::string& upload, v1::Upload* response)> describe;
  absl::Duration idle_timeout = absl::Seconds(limits::kStreamIdleSeconds);
};

// Starts the reactor; it deletes itself. `caller` not OK: the stream ends with that status.
grpc::ServerReadReactor<v1::WriteUploadRequest>* NewUploadStream(
    grpc::CallbackServerContext* context, const absl::StatusOr<Caller>& caller,
    UploadStreamParts parts, v1::Upload* response);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SUBMISSION_UPLOAD_STREAM_H_

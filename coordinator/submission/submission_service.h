// SubmissionService: the adapter between submission.proto and this folder. A member sees and
// touches its own submissions only, an administrator reads all; everything else is
// PERMISSION_DENIED with one text, whether it exists or not. Methods, states and errors:
// submission.proto.
//
// Thread-safe. The queue (one for uploads, admission has its own) must be stopped after the server
// has shut down.
#ifndef KALAVAI_COORDINATOR_SUBMISSION_SUBMISSION_SERVICE_H_
#define KALAVAI_COORDINATOR_SUBMISSION_SUBMISSION_SERVICE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/base/clock.h"
#include "common/base/worker_queue.h"
#include "common/storage/blob_store.h"
#include "common/storage/sqlite.h"
#include "coordinator/audit.h"
#include "coordinator/caller_identity.h"
#include "coordinator/checkpoint/checkpoint_store.h"
#include "coordinator/launch/cooperative_store.h"
#include "coordinator/submission/admission_worker.h"
#include "coordinator/submission/submission_store.h"
#include "coordinator/submission/submission_watch.h"
#include "coordinator/submission/upload_session.h"
#include "kalavai/v1/submission.grpc.pb.h"

namespace kalavai::coordinator {

class SubmissionService final : public v1::SubmissionService::CallbackService {
 public:
  // Everything is borrowed and outlives the service.
  struct Parts {
    Database& database;
    SubmissionStore& submissions;
    CooperativeStore& cooperatives;
    CheckpointStore& checkpoints;
    const BlobStore& blobs;
    UploadSessions& sessions;
    AdmissionWorker& admission;
    SubmissionWatches& watches;
    Audit& audit;
    const CallerResolver& resolver;
    WorkerQueue& queue;  // syncs and final hashes of uploads
    const Clock& clock;
  };
  explicit SubmissionService(const Parts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* CreateSubmission(grpc::CallbackServerContext* context,
                                             const v1::CreateSubmissionRequest* request,
                                             v1::Submission* response) override;
  grpc::ServerUnaryReactor* DeclareFiles(grpc::CallbackServerContext* context,
                                         const v1::DeclareFilesRequest* request,
                                         v1::DeclareFilesResponse* response) override;
  grpc::ServerUnaryReactor* StartUpload(grpc::CallbackServerContext* context,
                                        const v1::StartUploadRequest* request,
                                        v1::Upload* response) override;
  grpc::ServerReadReactor<v1::WriteUploadRequest>* WriteUpload(grpc::CallbackServerContext* context,
                                                               v1::Upload* response) override;
  grpc::ServerUnaryReactor* GetUpload(grpc::CallbackServerContext* context,
                                      const v1::GetUploadRequest* request,
                                      v1::Upload* response) override;
  grpc::ServerUnaryReactor* FinalizeSubmission(grpc::CallbackServerContext* context,
                                               const v1::FinalizeSubmissionRequest* request,
                                               v1::Submission* response) override;
  grpc::ServerUnaryReactor* GetSubmission(grpc::CallbackServerContext* context,
                                          const v1::GetSubmissionRequest* request,
                                          v1::Submission* response) override;
  grpc::ServerWriteReactor<v1::Submission>* WatchSubmission(
      grpc::CallbackServerContext* context, const v1::GetSubmissionRequest* request) override;
  grpc::ServerUnaryReactor* ListSubmissions(grpc::CallbackServerContext* context,
                                            const v1::ListSubmissionsRequest* request,
                                            v1::ListSubmissionsResponse* response) override;

 private:
  absl::Status Create(const Caller& caller, const std::string& parent, v1::Submission& response);
  absl::Status Declare(const Caller& caller, const v1::DeclareFilesRequest& request,
                       v1::DeclareFilesResponse& response);
  absl::Status Finalize(const Caller& caller, const std::string& name, v1::Submission& response);
  absl::Status List(const Caller& caller, const v1::ListSubmissionsRequest& request,
                    v1::ListSubmissionsResponse& response);
  // The caller's own submission; an administrator's look when `read_only`.
  absl::StatusOr<SubmissionRecord> GetOwn(const Caller& caller, const std::string& name,
                                          bool read_only);
  absl::StatusOr<UploadRecord> GetOwnUpload(const Caller& caller, const std::string& name);
  absl::Status Describe(const UploadRecord& upload, v1::Upload& response);

  const Parts parts_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SUBMISSION_SUBMISSION_SERVICE_H_

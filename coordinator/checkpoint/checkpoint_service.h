// CheckpointDistributionService: the canonical base, file by file, resumable by offset. Members of
// the cooperative and administrators. Thread-safe.
#ifndef KALAVAI_COORDINATOR_CHECKPOINT_CHECKPOINT_SERVICE_H_
#define KALAVAI_COORDINATOR_CHECKPOINT_CHECKPOINT_SERVICE_H_

#include "absl/status/statusor.h"

#include "common/storage/blob_store.h"
#include "coordinator/caller_identity.h"
#include "coordinator/checkpoint/checkpoint_store.h"
#include "kalavai/v1/checkpoint.grpc.pb.h"

namespace kalavai::coordinator {

class CheckpointService final : public v1::CheckpointDistributionService::CallbackService {
 public:
  CheckpointService(const CheckpointStore& checkpoints, const BlobStore& blobs,
                    const CallerResolver& resolver)
      : checkpoints_(checkpoints), blobs_(blobs), resolver_(resolver) {}

  grpc::ServerUnaryReactor* GetCheckpoint(grpc::CallbackServerContext* context,
                                          const v1::GetCheckpointRequest* request,
                                          v1::Checkpoint* response) override;
  grpc::ServerWriteReactor<v1::ReadFileResponse>* ReadFile(
      grpc::CallbackServerContext* context, const v1::ReadFileRequest* request) override;

 private:
  absl::StatusOr<CheckpointRow> Find(const Caller& caller, const std::string& name) const;

  const CheckpointStore& checkpoints_;
  const BlobStore& blobs_;
  const CallerResolver& resolver_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_CHECKPOINT_CHECKPOINT_SERVICE_H_

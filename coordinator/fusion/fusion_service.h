// FusionService of fusion.proto: speaks gRPC, checks the caller, calls fusion_starter and
// model_publisher. Holds no rule of its own. Administrators create and release; members of the
// cooperative read. Thread-safe; streams live on gRPC's threads.
#ifndef KALAVAI_COORDINATOR_FUSION_FUSION_SERVICE_H_
#define KALAVAI_COORDINATOR_FUSION_FUSION_SERVICE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"

#include "common/base/clock.h"
#include "common/base/worker_queue.h"
#include "common/crypto/signing_key.h"
#include "common/storage/blob_store.h"
#include "common/storage/sqlite.h"
#include "coordinator/audit.h"
#include "coordinator/caller_identity.h"
#include "coordinator/fusion/fusion_input.h"
#include "coordinator/fusion/fusion_starter.h"
#include "coordinator/fusion/fusion_store.h"
#include "coordinator/fusion/fusion_watch.h"
#include "coordinator/fusion/model_publisher.h"
#include "kalavai/v1/fusion.grpc.pb.h"

namespace kalavai::coordinator {

// The resource as callers see it; the report's texts only when `with_report`.
v1::Fusion FusionToProto(const FusionRecord& fusion, bool with_report);

class FusionService final : public v1::FusionService::CallbackService {
 public:
  struct Dependencies {
    FusionSources sources;
    FusionStore& fusions;
    const FusionStarter& starter;
    const ModelPublisher& publisher;
    FusionWatch& watch;
    const CallerResolver& resolver;
    const BlobStore& blobs;
    WorkerQueue& workers;  // for calls that hash reference models
    int64_t threads = 1;   // of new fusions; see FusionWorker
  };

  explicit FusionService(Dependencies dependencies) : dependencies_(std::move(dependencies)) {}

  grpc::ServerUnaryReactor* CreateFusion(grpc::CallbackServerContext* context,
                                         const v1::CreateFusionRequest* request,
                                         v1::Fusion* response) override;
  grpc::ServerUnaryReactor* GetFusion(grpc::CallbackServerContext* context,
                                      const v1::GetFusionRequest* request,
                                      v1::Fusion* response) override;
  grpc::ServerWriteReactor<v1::Fusion>* WatchFusion(grpc::CallbackServerContext* context,
                                                    const v1::GetFusionRequest* request) override;
  grpc::ServerUnaryReactor* ListFusions(grpc::CallbackServerContext* context,
                                        const v1::ListFusionsRequest* request,
                                        v1::ListFusionsResponse* response) override;
  grpc::ServerUnaryReactor* ReleaseModel(grpc::CallbackServerContext* context,
                                         const v1::ReleaseModelRequest* request,
                                         v1::Model* response) override;

 private:
  grpc::ServerUnaryReactor* CreateOnWorker(grpc::CallbackServerContext* context,
                                           const v1::CreateFusionRequest* request,
                                           v1::Fusion* response);
  absl::StatusOr<std::vector<ReferenceModel>> CheckedReferences(const std::string& cooperative,
                                                                const v1::Fusion& wanted) const;
  absl::Status Create(const Caller& caller, const v1::CreateFusionRequest& request,
                      v1::Fusion& response);
  absl::Status Release(const Caller& caller, const v1::ReleaseModelRequest& request,
                       v1::Model& response);

  const Dependencies dependencies_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_FUSION_SERVICE_H_

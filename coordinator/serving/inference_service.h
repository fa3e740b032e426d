// InferenceService of inference.proto: checks the caller and the request, hands it to the engine,
// turns text into messages. Members of the cooperative and administrators. Thread-safe.
#ifndef KALAVAI_COORDINATOR_SERVING_INFERENCE_SERVICE_H_
#define KALAVAI_COORDINATOR_SERVING_INFERENCE_SERVICE_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"

#include "coordinator/audit.h"
#include "coordinator/caller_identity.h"
#include "coordinator/serving/expert_mask.h"
#include "coordinator/serving/generation_engine.h"
#include "coordinator/serving/model_loader.h"
#include "coordinator/serving/model_store.h"
#include "kalavai/v1/inference.grpc.pb.h"

namespace kalavai::coordinator {

// The resource as callers see it; `allowed` [n] tells who is masked.
v1::Model ModelToProto(const ModelRecord& model, const std::vector<uint8_t>& allowed);

class InferenceService final : public v1::InferenceService::CallbackService {
 public:
  struct Dependencies {
    CooperativeStore& cooperatives;
    const ModelStore& models;
    const ExpertMask& mask;
    GenerationEngine& engine;
    const CallerResolver& resolver;
    ModelLoader& loader;
    Audit& audit;
  };

  explicit InferenceService(const Dependencies& dependencies) : dependencies_(dependencies) {}

  grpc::ServerUnaryReactor* Generate(grpc::CallbackServerContext* context,
                                     const v1::GenerateRequest* request,
                                     v1::GenerateResponse* response) override;
  grpc::ServerWriteReactor<v1::GenerateResponse>* StreamGenerate(
      grpc::CallbackServerContext* context, const v1::GenerateRequest* request) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::Model* response) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* RollbackModel(grpc::CallbackServerContext* context,
                                          const v1::RollbackModelRequest* request,
                                          v1::Model* response) override;

 private:
  // The model and the engine's request, without callbacks.
  struct Admitted {
    ModelRecord model;
    GenerationRequest request;
  };
  absl::StatusOr<Admitted> Admit(const Caller& caller, const v1::GenerateRequest& request) const;
  absl::Status Rollback(const Caller& caller, const v1::RollbackModelRequest& request,
                        v1::Model& response);
  absl::StatusOr<ModelRecord> FindModel(const Caller& caller, const std::string& name) const;

  const Dependencies dependencies_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVING_INFERENCE_SERVICE_H_

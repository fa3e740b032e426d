// Released models into the engine: directories from blobs, the router from the verified release,
// states in the store. A new release retires and unloads the cooperative's earlier models.
//
//   server starts   loader.LoadAll()            every model that is not retired, in the background
//   release         loader.Publish(released)    inside the release's transaction
//                   loader.Activate(name)       after it
//
// A model whose signature does not verify is not loaded: it stays LOADING with the reason in
// state_reason. Withdrawn experts' weights are not read; where their blobs are gone, the base
// stands in their place, masked. Any thread; the loading itself is the engine's thread's.
#ifndef KALAVAI_COORDINATOR_SERVING_MODEL_LOADER_H_
#define KALAVAI_COORDINATOR_SERVING_MODEL_LOADER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/signing_key.h"
#include "common/storage/blob_store.h"
#include "coordinator/checkpoint/checkpoint_store.h"
#include "coordinator/model_directory.h"
#include "coordinator/serving/expert_mask.h"
#include "coordinator/serving/generation_engine.h"
#include "coordinator/serving/model_store.h"
#include "coordinator/submission/submission_store.h"

namespace kalavai::coordinator {

class ModelLoader {
 public:
  struct Dependencies {
    ModelStore& models;
    CheckpointStore& checkpoints;
    SubmissionStore& submissions;
    const ExpertMask& mask;
    const BlobStore& blobs;
    GenerationEngine& engine;
    PublicKey key;                  // of the coordinator, which signed the releases
    std::string models_directory;   // DATA/models
    std::string scratch_directory;  // for checkpoint directories while they are read
  };

  explicit ModelLoader(Dependencies dependencies) : dependencies_(std::move(dependencies)) {}

  absl::Status LoadAll();
  absl::Status Publish(const ModelRecord& released);
  // Queues the loading; failures are logged and stand in the model's state_reason.
  void Activate(const std::string& model);

 private:
  absl::Status Queue(const ModelRecord& model);
  absl::StatusOr<EngineModel> Prepare(const ModelRecord& model);
  absl::StatusOr<std::vector<BlobFile>> FilesOf(const ModelRecord& model, size_t expert);
  void Loaded(const ModelRecord& model, const absl::Status& status);

  const Dependencies dependencies_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVING_MODEL_LOADER_H_

// Released models into the engine: directories from blobs, the router from the verified release,
// states in the store. A model that was loaded retires and unloads the cooperative's earlier ones;
// until then they go on answering.
//
//   server starts   loader.LoadAll()            every model that is not retired, in the background
//   release         loader.Publish(released)    inside the release's transaction
//                   loader.Activate(name)       after it
//   rollback        loader.Rollback(…)          an earlier model again, logged
//   withdrawal      loader.Activate(name)       loads again: without the withdrawn expert's weights
//
// A model whose signature does not verify is not loaded: it stays LOADING with the reason in
// state_reason. Withdrawn experts' weights are not read; where their blobs are gone, the base
// stands in their place, masked. Any thread; the loading itself is the engine's thread's.
#ifndef KALAVAI_COORDINATOR_SERVING_MODEL_LOADER_H_
#define KALAVAI_COORDINATOR_SERVING_MODEL_LOADER_H_

#include <cstdint>
#include <functional>
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
    Database& database;
    ModelStore& models;
    CheckpointStore& checkpoints;
    SubmissionStore& submissions;
    const ExpertMask& mask;
    const BlobStore& blobs;
    GenerationEngine& engine;
    PublicKey key;                  // of the coordinator, which signed the releases
    std::string models_directory;   // DATA/models
    std::string scratch_directory;  // for checkpoint directories while they are read
    // Called on the engine's thread after models were retired; may be empty.
    std::function<void()> on_retired = {};
  };

  explicit ModelLoader(Dependencies dependencies) : dependencies_(std::move(dependencies)) {}

  absl::Status LoadAll();
  absl::Status Publish(const ModelRecord& released);
  // Queues the loading; failures are logged and stand in the model's state_reason.
  void Activate(const std::string& model);
  // Removes the files of experts that may not speak any more from the directories of models that
  // are being loaded: another name of their bytes. Such a model is loaded once more, without them.
  absl::Status RemoveMaskedLinks(const std::vector<ModelRecord>& models) const;

  // Makes `model` (or, when empty, the one before the model of now) the one to serve, and returns
  // it; `record` logs the act in the same transaction. The model of now answers until it is loaded.
  // The one that is served already is left alone. MODEL_NOT_FOUND (of another cooperative, too),
  // NO_EARLIER_MODEL, MODEL_HAS_WITHDRAWN_MEMBER.
  absl::StatusOr<ModelRecord> Rollback(
      absl::string_view cooperative, absl::string_view model,
      const std::function<absl::Status(const ModelRecord&)>& record);

 private:
  absl::Status Queue(const ModelRecord& model);
  absl::StatusOr<EngineModel> Prepare(const ModelRecord& model,
                                      const std::vector<uint8_t>& allowed);
  absl::StatusOr<std::string> LinksOf(const ModelRecord& model, size_t expert) const;
  absl::StatusOr<std::vector<BlobFile>> FilesOf(const ModelRecord& model, size_t expert);
  void Loaded(const ModelRecord& model, const absl::Status& status);

  const Dependencies dependencies_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVING_MODEL_LOADER_H_

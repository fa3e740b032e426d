// Phases 5 to 7 as one object: everything that makes, releases and serves models, and takes a
// member out of them, wired once.
//
//   ModelPhases models({.database = database, …});
//   RETURN_IF_ERROR(models.Start());                  // unfinished fusions go on, models load
//   … services {&models.fusion_service(), &models.inference_service()} …
//   models.Stop();                                    // after the listener refuses new calls
//
// Members are in the order of dependence: each borrows from those above it. The dependencies
// outlive the object. Thread-safe once constructed.
#ifndef KALAVAI_COORDINATOR_SERVER_MODEL_PHASES_H_
#define KALAVAI_COORDINATOR_SERVER_MODEL_PHASES_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/worker_queue.h"
#include "common/crypto/signing_key.h"
#include "common/model/device.h"
#include "common/storage/blob_store.h"
#include "common/storage/sqlite.h"
#include "coordinator/audit.h"
#include "coordinator/caller_identity.h"
#include "coordinator/checkpoint/checkpoint_store.h"
#include "coordinator/fusion/fusion_service.h"
#include "coordinator/fusion/fusion_starter.h"
#include "coordinator/fusion/fusion_store.h"
#include "coordinator/fusion/fusion_watch.h"
#include "coordinator/fusion/fusion_worker.h"
#include "coordinator/fusion/model_publisher.h"
#include "coordinator/launch/cooperative_store.h"
#include "coordinator/serving/expert_mask.h"
#include "coordinator/serving/generation_engine.h"
#include "coordinator/serving/inference_service.h"
#include "coordinator/serving/model_loader.h"
#include "coordinator/serving/model_store.h"
#include "coordinator/submission/submission_store.h"
#include "coordinator/transparency/signed_log.h"
#include "coordinator/withdrawal/withdrawals.h"

namespace kalavai::coordinator {

// What fusion released, as the row that serving keeps: the two phases do not know each other.
ModelRecord RecordOf(const ReleasedModel& released);

// The fusion that re-solves a model without the member that has left; `within` as in StartRequest.
StartRequest RequestOf(const ReSolve& wish,
                       std::function<absl::Status(const std::string& fusion)> within);

class ModelPhases {
 public:
  struct Parts {
    Database& database;
    const BlobStore& blobs;
    CooperativeStore& cooperatives;
    CheckpointStore& checkpoints;
    SubmissionStore& submissions;
    FusionStore& fusions;
    Audit& audit;
    const CallerResolver& resolver;
    const SignedLog& log;
    const SigningKey& key;
    Quarantine quarantine;  // AdmissionWorker's, within a transaction of the fusion's
    const Clock& clock;
    WorkerQueue& workers;
    std::string fusions_directory;  // DATA/fusions
    std::string models_directory;   // DATA/models
    int64_t threads = 1;            // inside one tensor operation; part of every fusion's input
    Device device = Device::kCpu;   // of fusions and generation
    ProbeJobs probe_jobs = {};
    std::function<void(FusionState, double)> on_fusion_state = {};  // FusionWorker's on_state
    std::function<void()> on_fusion_pass = {};                      // one pass of a model began
    // Withdrawals' hook of that name.
    std::function<absl::Status(absl::string_view, absl::string_view)> forget_measurement;
  };

  explicit ModelPhases(const Parts& parts);
  ~ModelPhases();  // Stop()

  absl::Status Start();
  // Idempotent. Open streams end with SHUTTING_DOWN.
  void Stop();

  WorkerQueue::Counts fusion_counts() const { return worker_.counts(); }
  GenerationEngine::Counts generation_counts() const { return engine_.counts(); }

  // Within the transaction that makes a member WITHDRAWN.
  absl::Status RecordWithdrawal(absl::string_view contributor, absl::string_view actor,
                                absl::string_view comment) {
    return withdrawals_.Record(contributor, actor, comment);
  }
  // After it: deletes now, and queues the re-solve.
  absl::Status FinishWithdrawal();
  absl::StatusOr<WithdrawalRecord> GetWithdrawal(absl::string_view contributor) const {
    return withdrawals_.Get(contributor);
  }

  FusionService& fusion_service() { return fusion_service_; }
  InferenceService& inference_service() { return inference_service_; }

 private:
  Withdrawals::Hooks WithdrawalHooks();
  absl::Status EraseDerived();
  void QueueAdvance();

  const Parts parts_;
  FusionWatch watch_;
  ModelStore models_;
  ExpertMask mask_;
  GenerationEngine engine_;
  ModelLoader loader_;
  FusionWorker worker_;
  const FusionStarter starter_;
  const ModelPublisher publisher_;
  FusionService fusion_service_;
  InferenceService inference_service_;
  WithdrawalStore withdrawal_rows_;
  Withdrawals withdrawals_;
  WorkerQueue withdrawal_queue_{1, limits::kWithdrawalTasksMax};  // last: uses everything above
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVER_MODEL_PHASES_H_

// Creates a fusion: every check first, then the row with its log leaf in one transaction, then the
// worker's queue. For administrators (CreateFusion) and for the coordinator itself, which fuses the
// others again when a member has left.
//
// Errors: those of PlanFusion, CheckBytes, CheckTextsMeasurable, FusionStore::Create and
// FusionWorker::Wake, and
// FAILED_PRECONDITION PROBE_TEXT_IS_TRAINING_TEXT (metadata `submission`, `domain`, `documents`)
// when a probe text holds documents that a member says it trained on (training_documents.txt). A
// fusion whose row was written and that could not be queued is queued at the next start. Any
// thread.
#ifndef KALAVAI_COORDINATOR_FUSION_FUSION_STARTER_H_
#define KALAVAI_COORDINATOR_FUSION_FUSION_STARTER_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/base/clock.h"
#include "common/storage/blob_store.h"
#include "common/storage/sqlite.h"
#include "coordinator/audit.h"
#include "coordinator/fusion/fusion_input.h"
#include "coordinator/fusion/fusion_store.h"
#include "coordinator/fusion/fusion_worker.h"

namespace kalavai::coordinator {

struct StartRequest {
  FusionWish wish;
  std::string id = {};  // empty: the next number
  bool weight_average = false;
  bool validate_only = false;
  std::string actor;          // Caller::Name(), or "coordinator"
  std::string replaces = {};  // the masked model of a re-solve, for the log
  // Called last within the transaction, with the fusion's name; may be empty.
  std::function<absl::Status(const std::string& fusion)> within = {};
};

class FusionStarter {
 public:
  // References must outlive the starter.
  struct Dependencies {
    Database& database;
    FusionSources sources;
    FusionStore& fusions;
    FusionWorker& worker;
    Audit& audit;
    const Clock& clock;
    const BlobStore& blobs;
  };
  explicit FusionStarter(const Dependencies& dependencies) : dependencies_(dependencies) {}

  // The fusion, QUEUED. Errors: those of PlanFusion, CheckBytes and FusionWorker::CheckFits;
  // PROBE_TEXT_IS_TRAINING_TEXT; those of FusionStore::Create and FusionWorker::Wake.
  absl::StatusOr<FusionRecord> Start(const StartRequest& request) const;

 private:
  const Dependencies dependencies_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_FUSION_STARTER_H_

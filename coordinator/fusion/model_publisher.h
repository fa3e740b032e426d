// A finished fusion becomes the model that is served: written and signed, then row, log leaf and
// directory in one transaction, then loaded. For administrators (ReleaseModel, RollbackModel) and
// for the coordinator itself, which releases the re-solve after a withdrawal.
//
// A model that names a member who has left is never released, served or returned to again.
// Errors: those of WriteRelease and the stores, and
//   FAILED_PRECONDITION MODEL_HAS_WITHDRAWN_MEMBER
//   FAILED_PRECONDITION GUARD_NOT_MET, FUSION_NOT_SUCCEEDED
//   ALREADY_EXISTS      MODEL_EXISTS
//   INVALID_ARGUMENT    FIELD_INVALID                a reason of more than limits::kCommentBytesMax
// A release that fails leaves nothing under models_directory. Any thread; one release at a time.
#ifndef KALAVAI_COORDINATOR_FUSION_MODEL_PUBLISHER_H_
#define KALAVAI_COORDINATOR_FUSION_MODEL_PUBLISHER_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

#include "common/base/clock.h"
#include "common/crypto/signing_key.h"
#include "common/storage/sqlite.h"
#include "coordinator/audit.h"
#include "coordinator/fusion/fusion_store.h"
#include "coordinator/fusion/model_release.h"
#include "coordinator/launch/cooperative_store.h"

namespace kalavai::coordinator {

struct PublishRequest {
  std::string fusion;                    // resource name
  std::string model_id = {};             // empty: the fusion's id
  std::string acknowledged_reason = {};  // why a model that misses the guard is released
  std::string actor;                     // Caller::Name(), or "coordinator"
  // Called last within the transaction, with the model's name; may be empty.
  std::function<absl::Status(const std::string& model)> within = {};
};

class ModelPublisher {
 public:
  // References must outlive the publisher.
  struct Dependencies {
    Database& database;
    CooperativeStore& cooperatives;
    FusionStore& fusions;
    Audit& audit;
    const SigningKey& key;
    const Clock& clock;
    std::string models_directory;  // DATA/models
    std::function<std::string(absl::string_view fusion)> router_path;
    // Makes a released model known to serving: `publish` inside the transaction, `activate` after.
    std::function<absl::Status(const ReleasedModel&)> publish;
    std::function<void(const std::string& model)> activate;
    ModelOnRecord on_record;
  };
  explicit ModelPublisher(Dependencies dependencies) : dependencies_(std::move(dependencies)) {}

  absl::StatusOr<ReleasedModel> Publish(const PublishRequest& request) const;

  // Removes the directories of releases that no model on record has (ListStrayReleases). Not within
  // Transact.
  absl::Status RemoveStray() const;

 private:
  absl::Status Commit(const PublishRequest& request, const FusionRecord& fusion,
                      const ReleasedModel& released) const;
  absl::Status RequireMembers(const FusionRecord& fusion) const;

  const Dependencies dependencies_;
  mutable absl::Mutex mutex_;  // whoever writes or removes under models_directory
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_MODEL_PUBLISHER_H_

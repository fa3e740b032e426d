// Who may speak in a model now: not those who have withdrawn since it was released (design §6:
// masked at once). Asked before every token, on the engine's thread: the answers are kept in memory
// and looked up again when anything was committed to the database since, so the first token after a
// withdrawal is without the member, and the others cost no query. Any thread.
#ifndef KALAVAI_COORDINATOR_SERVING_EXPERT_MASK_H_
#define KALAVAI_COORDINATOR_SERVING_EXPERT_MASK_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "coordinator/launch/cooperative_store.h"
#include "coordinator/serving/model_store.h"
#include "coordinator/submission/submission_store.h"

namespace kalavai::coordinator {

class ExpertMask {
 public:
  ExpertMask(const CooperativeStore& cooperatives, SubmissionStore& submissions)
      : cooperatives_(cooperatives), submissions_(submissions) {}

  // [n] 1 = may speak. The base always may. An expert whose contributor or submission is withdrawn,
  // or cannot be looked up, may not; what could not be looked up is asked for again the next time.
  std::vector<uint8_t> Allowed(const std::vector<ModelExpertRecord>& experts) const;

 private:
  absl::StatusOr<bool> LookUp(const ModelExpertRecord& expert) const;

  const CooperativeStore& cooperatives_;
  SubmissionStore& submissions_;
  mutable absl::Mutex mutex_;
  // Of submission and contributor, as they were at `version_` of the database.
  mutable std::map<std::pair<std::string, std::string>, bool> known_ ABSL_GUARDED_BY(mutex_);
  mutable int64_t version_ ABSL_GUARDED_BY(mutex_) = -1;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVING_EXPERT_MASK_H_

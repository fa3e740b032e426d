// Who may speak in a model now: not those who have withdrawn since it was released (design §6:
// masked at once). Asked before every token, so it is one small query an expert. Any thread.
#ifndef KALAVAI_COORDINATOR_SERVING_EXPERT_MASK_H_
#define KALAVAI_COORDINATOR_SERVING_EXPERT_MASK_H_

#include <cstdint>
#include <vector>

#include "coordinator/launch/cooperative_store.h"
#include "coordinator/serving/model_store.h"
#include "coordinator/submission/submission_store.h"

namespace kalavai::coordinator {

class ExpertMask {
 public:
  ExpertMask(const CooperativeStore& cooperatives, SubmissionStore& submissions)
      : cooperatives_(cooperatives), submissions_(submissions) {}

  // [n] 1 = may speak. The base always may. An expert whose contributor or submission is withdrawn,
  // or cannot be looked up, may not.
  std::vector<uint8_t> Allowed(const std::vector<ModelExpertRecord>& experts) const;

 private:
  bool MaySpeak(const ModelExpertRecord& expert) const;

  const CooperativeStore& cooperatives_;
  SubmissionStore& submissions_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVING_EXPERT_MASK_H_

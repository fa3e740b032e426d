#include "coordinator/serving/expert_mask.h"

#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {

std::vector<uint8_t> ExpertMask::Allowed(const std::vector<ModelExpertRecord>& experts) const {
  std::vector<uint8_t> allowed;
  for (const ModelExpertRecord& expert : experts) allowed.push_back(MaySpeak(expert) ? 1 : 0);
  return allowed;
}

bool ExpertMask::MaySpeak(const ModelExpertRecord& expert) const {
  if (expert.submission.empty()) return true;
  const absl::StatusOr<ChildName> name = ParseContributorName(expert.contributor);
  if (!name.ok()) return false;
  const absl::StatusOr<ContributorRow> contributor =
      cooperatives_.GetContributor(name->cooperative, name->id);
  if (!contributor.ok() || contributor->state == ContributorState::kWithdrawn) return false;
  const absl::StatusOr<SubmissionRecord> submission = submissions_.Get(expert.submission);
  // A model goes on with the version it was released with.
  return submission.ok() && (submission->state == SubmissionState::kAdmitted ||
                             submission->state == SubmissionState::kSuperseded);
}

}  // namespace kalavai::coordinator

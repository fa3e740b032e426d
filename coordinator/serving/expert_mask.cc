#include "coordinator/serving/expert_mask.h"

#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {

std::vector<uint8_t> ExpertMask::Allowed(const std::vector<ModelExpertRecord>& experts) const {
  // Before any row is read: what is committed meanwhile is noticed the next time.
  const int64_t version = cooperatives_.DatabaseVersion();
  std::vector<uint8_t> allowed(experts.size(), 0);
  std::vector<size_t> unknown;
  {
    const absl::MutexLock lock(&mutex_);
    if (version > version_) {
      known_.clear();
      version_ = version;
    }
    for (size_t i = 0; i < experts.size(); ++i) {
      const auto found = known_.find({experts[i].submission, experts[i].contributor});
      if (experts[i].submission.empty()) {
        allowed[i] = 1;
      } else if (version == version_ && found != known_.end()) {
        allowed[i] = found->second ? 1 : 0;
      } else {
        unknown.push_back(i);
      }
    }
  }
  for (const size_t i : unknown) {  // without the mutex: whoever transacts may ask as well
    const absl::StatusOr<bool> may = LookUp(experts[i]);
    allowed[i] = may.ok() && *may ? 1 : 0;
    if (!may.ok()) {
      LogWarning(
          "Could not look up whether an expert may speak; it is silent",
          {{"expert", experts[i].submission}, {"error", std::string(may.status().message())}});
      continue;
    }
    const absl::MutexLock lock(&mutex_);
    if (version == version_) known_[{experts[i].submission, experts[i].contributor}] = *may;
  }
  return allowed;
}

absl::StatusOr<bool> ExpertMask::LookUp(const ModelExpertRecord& expert) const {
  const absl::StatusOr<ChildName> name = ParseContributorName(expert.contributor);
  if (!name.ok()) return false;
  const absl::StatusOr<ContributorRow> contributor =
      cooperatives_.GetContributor(name->cooperative, name->id);
  if (absl::IsNotFound(contributor.status())) return false;
  RETURN_IF_ERROR(contributor.status());
  if (contributor->state == ContributorState::kWithdrawn) return false;
  const absl::StatusOr<SubmissionRecord> submission = submissions_.Get(expert.submission);
  if (absl::IsNotFound(submission.status())) return false;
  RETURN_IF_ERROR(submission.status());
  // A model goes on with the version it was released with.
  return submission->state == SubmissionState::kAdmitted ||
         submission->state == SubmissionState::kSuperseded;
}

}  // namespace kalavai::coordinator

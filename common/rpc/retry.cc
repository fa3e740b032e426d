#include "common/rpc/retry.h"

#include <algorithm>

#include "absl/random/random.h"
#include "absl/time/clock.h"

#include "common/base/errors.h"

namespace kalavai {

bool IsRetryable(const absl::Status& status) {
  const std::string reason = GetErrorReason(status);
  if (status.code() == absl::StatusCode::kUnavailable) return reason != "COORDINATOR_NOT_TRUSTED";
  return status.code() == absl::StatusCode::kResourceExhausted && reason == "QUEUE_FULL";
}

absl::Duration RetryWait(const RetryPolicy& policy, int attempt) {
  absl::Duration wait = policy.first_wait;
  for (int i = 0; i < attempt && wait < policy.wait_max; ++i) wait *= 2;
  return std::min(wait, policy.wait_max);
}

void SleepBeforeRetry(const RetryPolicy& policy, int attempt) {
  absl::BitGen random;
  absl::SleepFor(RetryWait(policy, attempt) * absl::Uniform(random, 0.5, 1.0));
}

absl::Status Retry(const RetryPolicy& policy, absl::FunctionRef<absl::Status()> attempt) {
  absl::Status status = attempt();
  for (int i = 0; i + 1 < policy.attempts && IsRetryable(status); ++i) {
    SleepBeforeRetry(policy, i);
    status = attempt();
  }
  return status;
}

}  // namespace kalavai

// The one client policy for calls that failed: what is repeated, how often, how long apart.
//
//   ASSIGN_OR_RETURN(const auto cooperative,
//                    CallUnary(address, *stub, &Stub::GetCooperative, request));
//
// Repeated: UNAVAILABLE (but not COORDINATOR_NOT_TRUSTED), and RESOURCE_EXHAUSTED with reason
// QUEUE_FULL. Never repeated: everything else, DEADLINE_EXCEEDED included, because the caller's
// patience is over. Waits 0.2 s · 2^k, at most 2 s, each times a random factor in [0.5, 1] so that
// many members do not return at once. Calls that must not happen twice pass attempts = 1.
// Sleeps on the calling thread. Thread-safe.
#ifndef KALAVAI_COMMON_RPC_RETRY_H_
#define KALAVAI_COMMON_RPC_RETRY_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"

#include "common/base/limits.h"
#include "common/rpc/channel.h"

namespace kalavai {

struct RetryPolicy {
  int attempts = static_cast<int>(limits::kCallAttempts);
  absl::Duration first_wait = absl::Milliseconds(limits::kRetryMilliseconds);
  absl::Duration wait_max = absl::Milliseconds(limits::kRetryMillisecondsMax);
};

// True when the same call may succeed later without anybody changing anything.
bool IsRetryable(const absl::Status& status);

// The longest wait before attempt `attempt` (0 = the first repetition); the random factor not yet
// applied.
absl::Duration RetryWait(const RetryPolicy& policy, int attempt);

// Sleeps for RetryWait times a random factor in [0.5, 1]: for streams, whose repetition the caller
// steers itself.
void SleepBeforeRetry(const RetryPolicy& policy, int attempt);

// Calls `attempt` until it succeeds, fails for good, or has been called policy.attempts times;
// returns its last status.
absl::Status Retry(const RetryPolicy& policy, absl::FunctionRef<absl::Status()> attempt);

// One unary call: a deadline of `timeout` an attempt, errors as CallStatus says.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> CallUnary(absl::string_view address, Stub& stub,
                                   grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                const Request&, Response*),
                                   const Request& request, const RetryPolicy& policy = {},
                                   absl::Duration timeout = kCallTimeout) {
  Response response;
  const absl::Status status = Retry(policy, [&]() -> absl::Status {
    grpc::ClientContext context;
    SetDeadline(context, timeout);
    response.Clear();
    return CallStatus((stub.*method)(&context, request, &response), address);
  });
  if (!status.ok()) return status;
  return response;
}

}  // namespace kalavai

#endif  // KALAVAI_COMMON_RPC_RETRY_H_

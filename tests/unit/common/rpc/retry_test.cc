// Goal: only what may succeed later is repeated, and not for ever.
// Method: attempts that fail a known number of times, without waiting; a table of statuses.
#include "common/rpc/retry.h"

#include "common/base/errors.h"
#include "common/rpc/channel.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

absl::Status Failed(absl::StatusCode code, absl::string_view reason) {
  return MakeError(code, reason, {.what = "x"});
}

TEST_CASE("Unreachable and busy are worth repeating, distrust is not") {
  REQUIRE(IsRetryable(Failed(absl::StatusCode::kUnavailable, "COORDINATOR_UNREACHABLE")));
  REQUIRE(IsRetryable(Failed(absl::StatusCode::kUnavailable, "SHUTTING_DOWN")));
  REQUIRE(IsRetryable(Failed(absl::StatusCode::kResourceExhausted, "QUEUE_FULL")));
  REQUIRE_FALSE(IsRetryable(Failed(absl::StatusCode::kUnavailable, "COORDINATOR_NOT_TRUSTED")));
  REQUIRE_FALSE(IsRetryable(Failed(absl::StatusCode::kResourceExhausted, "QUOTA_EXCEEDED")));
  REQUIRE_FALSE(IsRetryable(Failed(absl::StatusCode::kDeadlineExceeded, "X")));
  REQUIRE_FALSE(IsRetryable(absl::OkStatus()));
}

TEST_CASE("A call is repeated until it succeeds or its attempts are over") {
  const RetryPolicy policy = {.attempts = 3, .first_wait = absl::ZeroDuration()};
  int calls = 0;
  REQUIRE_OK(Retry(
      policy, [&] { return ++calls < 3 ? absl::UnavailableError("not yet") : absl::OkStatus(); }));
  REQUIRE(calls == 3);
  calls = 0;
  const absl::Status failed = Retry(policy, [&] {
    ++calls;
    return absl::UnavailableError("never");
  });
  REQUIRE(failed.code() == absl::StatusCode::kUnavailable);
  REQUIRE(calls == 3);
}

TEST_CASE("Waits double up to their bound") {
  const RetryPolicy policy;
  REQUIRE(RetryWait(policy, 0) == absl::Milliseconds(200));
  REQUIRE(RetryWait(policy, 1) == absl::Milliseconds(400));
  REQUIRE(RetryWait(policy, 50) == absl::Seconds(2));
}

TEST_CASE("gRPC's own failures are told in words") {
  const auto call = [](grpc::StatusCode code, const char* message) {
    return CallStatus(grpc::Status(code, message), "host:7443");
  };
  REQUIRE_STATUS(call(grpc::StatusCode::UNAVAILABLE, "Connection refused"),
                 absl::StatusCode::kUnavailable, "COORDINATOR_UNREACHABLE");
  REQUIRE_STATUS(call(grpc::StatusCode::UNAVAILABLE, "Ssl handshake failed: certificate verify"),
                 absl::StatusCode::kUnavailable, "COORDINATOR_NOT_TRUSTED");
  REQUIRE_STATUS(call(grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded"),
                 absl::StatusCode::kDeadlineExceeded, "COORDINATOR_UNREACHABLE");
  REQUIRE(call(grpc::StatusCode::NOT_FOUND, "x") == absl::NotFoundError("x"));
}

}  // namespace
}  // namespace kalavai

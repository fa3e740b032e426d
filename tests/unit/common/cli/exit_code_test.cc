// Goal: scripts can rely on the exit code.
// Method: one row a class of error.
#include "common/cli/exit_code.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Every class of error has its exit code", "[cli]") {
  const auto code = [](absl::StatusCode status_code, const char* reason) {
    return ExitCodeOf(MakeError(status_code, reason, {.what = "x"}));
  };
  CHECK(ExitCodeOf(absl::OkStatus()) == ExitCode::kDone);
  CHECK(code(absl::StatusCode::kFailedPrecondition, "BASE_MISMATCH") == ExitCode::kRefused);
  CHECK(code(absl::StatusCode::kResourceExhausted, "DISK_FULL") == ExitCode::kRefused);
  CHECK(code(absl::StatusCode::kInvalidArgument, "USAGE") == ExitCode::kUsage);
  CHECK(code(absl::StatusCode::kUnavailable, "COORDINATOR_UNREACHABLE") == ExitCode::kRetry);
  CHECK(code(absl::StatusCode::kResourceExhausted, "QUEUE_FULL") == ExitCode::kRetry);
  CHECK(code(absl::StatusCode::kDataLoss, "LOG_INCONSISTENT") == ExitCode::kContradicted);
  CHECK(code(absl::StatusCode::kUnavailable, "NOT_READY") == ExitCode::kRetry);
  CHECK(code(absl::StatusCode::kCancelled, "INTERRUPTED") == ExitCode::kInterrupted);
}

}  // namespace
}  // namespace kalavai

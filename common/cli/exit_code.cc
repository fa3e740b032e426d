#include "common/cli/exit_code.h"

#include <string>

#include "common/base/errors.h"

namespace kalavai {

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return ExitCode::kDone;
  const std::string reason = GetErrorReason(status);
  if (reason == "USAGE") return ExitCode::kUsage;
  if (reason == "INTERRUPTED") return ExitCode::kInterrupted;
  if (reason == "LOG_INCONSISTENT") return ExitCode::kContradicted;
  if (reason == "QUEUE_FULL" || reason == "TOO_MANY_UPLOADS") return ExitCode::kRetry;
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kAborted:
      return ExitCode::kRetry;
    case absl::StatusCode::kCancelled:
      return ExitCode::kInterrupted;
    default:
      return ExitCode::kRefused;
  }
}

}  // namespace kalavai

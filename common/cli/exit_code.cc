#include "common/cli/exit_code.h"

#include <optional>
#include <string>

#include "common/base/errors.h"
#include "common/cli/reason_table.h"

namespace kalavai {

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return ExitCode::kDone;
  const std::string reason = GetErrorReason(status);
  if (reason == "LOG_INCONSISTENT") return ExitCode::kContradicted;  // no command raises it yet
  const std::optional<ReasonRow> row = FindReason(reason);
  if (row.has_value()) return static_cast<ExitCode>(row->exit_code);
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

#include "common/cli/exit_code.h"

#include <optional>

#include "common/base/errors.h"
#include "common/cli/reason_table.h"

namespace kalavai {

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return ExitCode::kDone;
  const std::optional<ReasonRow> row = FindReason(GetErrorReason(status));
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

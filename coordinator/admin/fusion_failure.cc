#include "coordinator/admin/fusion_failure.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/cli/reason_table.h"

namespace kalavai::coordinator {

absl::Status FusionFailure(const v1::Fusion& fusion) {
  const std::string reason = fusion.failure_reason().empty() ? "INTERNAL" : fusion.failure_reason();
  ErrorText text = {.what = absl::StrCat(fusion.name(), ": ", fusion.failure_message())};
  if (const std::optional<ReasonRow> row = FindReason(reason); row.has_value()) {
    text.why = row->when;
    text.fix = row->fix;
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, reason, text);
}

}  // namespace kalavai::coordinator

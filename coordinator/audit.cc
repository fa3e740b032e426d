#include "coordinator/audit.h"

#include <utility>

#include "common/base/status_macros.h"

namespace kalavai::coordinator {

std::string FormatLeaf(int64_t index, absl::Time time, const AuditEvent& event) {
  // nlohmann::json keeps keys in a std::map: sorted bytewise.
  const nlohmann::json leaf = {
      {"index", index},
      {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone())},
      {"actor", event.actor},
      {"action", event.action},
      {"subject", event.subject},
      {"fields", event.fields}};
  return leaf.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

absl::StatusOr<int64_t> Audit::Append(const AuditEvent& event) {
  ASSIGN_OR_RETURN(const int64_t index, log_.Size());
  const absl::Time now = clock_.Now();
  RETURN_IF_ERROR(log_.Append(index, FormatLeaf(index, now, event), now));
  return index;
}

absl::StatusOr<int64_t> Audit::Append(absl::string_view actor, absl::string_view action,
                                      absl::string_view subject, nlohmann::json fields) {
  return Append(
      AuditEvent{std::string(actor), std::string(action), std::string(subject), std::move(fields)});
}

}  // namespace kalavai::coordinator

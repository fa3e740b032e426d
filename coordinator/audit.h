// Who did what to what: one leaf of the transparency log for every act, in the act's transaction.
//
//   RETURN_IF_ERROR(database.Transact([&]() -> absl::Status {
//     RETURN_IF_ERROR(store.Insert(cooperative));
//     return audit.Append(caller.Name(), "CREATE_COOPERATIVE", CooperativeName(id),
//                         {{"domains", domains}}).status();
//   }));
//
// The leaf is canonical JSON: one object without white space, keys sorted bytewise, UTF-8:
//   {"action":…,"actor":…,"fields":{…},"index":N,"subject":…,"time":"2026-11-23T10:00:00.000000Z"}
// Nothing personal and nothing secret goes into `fields`: digests, names, figures, verdicts.
// Thread-safe: the index is taken inside the caller's transaction.
#ifndef KALAVAI_COORDINATOR_AUDIT_H_
#define KALAVAI_COORDINATOR_AUDIT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

#include "common/base/clock.h"
#include "coordinator/transparency/transparency_log.h"

namespace kalavai::coordinator {

struct AuditEvent {
  std::string actor;    // Caller::Name(), or "coordinator" for what the server does by itself
  std::string action;   // UPPER_SNAKE verb first: "ADMIT_SUBMISSION"
  std::string subject;  // a resource name
  nlohmann::json fields = nlohmann::json::object();
};

// The bytes of a leaf. Pure.
std::string FormatLeaf(int64_t index, absl::Time time, const AuditEvent& event);

class Audit {
 public:
  Audit(TransparencyLog& log, const Clock& clock) : log_(log), clock_(clock) {}

  // Call within Database::Transact. Returns the leaf's index.
  absl::StatusOr<int64_t> Append(const AuditEvent& event);
  absl::StatusOr<int64_t> Append(absl::string_view actor, absl::string_view action,
                                 absl::string_view subject,
                                 nlohmann::json fields = nlohmann::json::object());

 private:
  TransparencyLog& log_;
  const Clock& clock_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_AUDIT_H_

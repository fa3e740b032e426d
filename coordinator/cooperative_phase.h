// The life of a cooperative as one table: which act is legal in which state.
//
//             DRAFT -- launch --> ACTIVE -- close --> CLOSED
//
// Everything that makes the charter (domains, base, probe text) happens in DRAFT; everything that
// members do happens in ACTIVE; leaving and reading are possible in CLOSED too. Pure functions.
#ifndef KALAVAI_COORDINATOR_COOPERATIVE_PHASE_H_
#define KALAVAI_COORDINATOR_COOPERATIVE_PHASE_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kalavai::coordinator {

enum class CooperativeState { kDraft, kActive, kClosed };

enum class CooperativeAct {
  kImportBase,
  kAddProbeText,
  kShareSample,  // a member's own probe text
  kLaunch,  // DRAFT -> ACTIVE
  kInvite,
  kJoin,
  kMeasure,  // report a measurement, ask for a prediction
  kSubmit,
  kFuse,
  kRelease,
  kWithdraw,
  kClose,  // ACTIVE -> CLOSED
};

absl::string_view StateName(CooperativeState state);  // "DRAFT", "ACTIVE", "CLOSED"
std::optional<CooperativeState> ParseState(absl::string_view name);

// OK, or FAILED_PRECONDITION, reason PHASE_MISMATCH, naming the state found and the states needed.
absl::Status CheckAct(absl::string_view cooperative, CooperativeState state, CooperativeAct act);

// The state after a legal act; the same state for acts that change none.
CooperativeState StateAfter(CooperativeState state, CooperativeAct act);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_COOPERATIVE_PHASE_H_

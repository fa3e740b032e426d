// Goal: the table of legal acts is the protocol's.
// Method: every act in every state against an independent list.
#include "coordinator/cooperative_phase.h"

#include <map>
#include <string>

#include "common/base/errors.h"
#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("Every act is legal exactly where the protocol says") {
  using Act = CooperativeAct;
  const std::map<Act, std::string> legal = {
      {Act::kImportBase, "DRAFT"}, {Act::kAddProbeText, "DRAFT"},
      {Act::kLaunch, "DRAFT"},     {Act::kInvite, "ACTIVE"},
      {Act::kJoin, "ACTIVE"},      {Act::kMeasure, "ACTIVE"},
      {Act::kSubmit, "ACTIVE"},    {Act::kFuse, "ACTIVE"},
      {Act::kRelease, "ACTIVE"},   {Act::kShareSample, "ACTIVE"},
      {Act::kClose, "ACTIVE"},     {Act::kWithdraw, "ACTIVE CLOSED"}};
  for (const auto& [act, states] : legal) {
    for (const auto state :
         {CooperativeState::kDraft, CooperativeState::kActive, CooperativeState::kClosed}) {
      const std::string name(StateName(state));
      INFO(static_cast<int>(act) << " in " << name);
      const absl::Status checked = CheckAct("nordic", state, act);
      REQUIRE(checked.ok() == (states.find(name) != std::string::npos));
      if (!checked.ok()) {
        REQUIRE_STATUS(checked, absl::StatusCode::kFailedPrecondition, "PHASE_MISMATCH");
        REQUIRE(GetErrorDetail(checked)->text.metadata.at("state") == name);
      }
      REQUIRE(ParseState(name) == state);
    }
  }
  REQUIRE(StateAfter(CooperativeState::kDraft, Act::kLaunch) == CooperativeState::kActive);
  REQUIRE(StateAfter(CooperativeState::kActive, Act::kClose) == CooperativeState::kClosed);
  REQUIRE(StateAfter(CooperativeState::kActive, Act::kFuse) == CooperativeState::kActive);
  REQUIRE_FALSE(ParseState("OPEN").has_value());
}

}  // namespace
}  // namespace kalavai::coordinator

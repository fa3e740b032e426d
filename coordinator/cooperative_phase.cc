#include "coordinator/cooperative_phase.h"

#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {
namespace {

struct Rule {
  CooperativeAct act;
  absl::string_view words;  // "cannot <words>"
  bool in_draft;
  bool in_active;
  bool in_closed;
  std::optional<CooperativeState> next;
  absl::string_view fix;
};

constexpr absl::string_view kLaunchFirst = "launch it first: kalavai-coordinator coop launch";
constexpr absl::string_view kFoundAnother =
    "the charter is signed and final: found another cooperative";
constexpr absl::string_view kClosedForGood = "found another cooperative";

constexpr std::array<Rule, 12> kRules = {{
    {CooperativeAct::kImportBase, "import a base", true, false, false, {}, kFoundAnother},
    {CooperativeAct::kAddProbeText, "add probe text", true, false, false, {}, kFoundAnother},
    {CooperativeAct::kShareSample, "take a sample", false, true, false, {}, kLaunchFirst},
    {CooperativeAct::kLaunch, "be launched", true, false, false, CooperativeState::kActive,
     "nothing is left to do: see 'kalavai-coordinator coop show'"},
    {CooperativeAct::kInvite, "invite", false, true, false, {}, kLaunchFirst},
    {CooperativeAct::kJoin, "take members", false, true, false, {}, kLaunchFirst},
    {CooperativeAct::kMeasure,
     "take measurements or predict",
     false,
     true,
     false,
     {},
     kLaunchFirst},
    {CooperativeAct::kSubmit, "take submissions", false, true, false, {}, kLaunchFirst},
    {CooperativeAct::kFuse, "fuse", false, true, false, {}, kLaunchFirst},
    {CooperativeAct::kRelease, "release a model", false, true, false, {}, kLaunchFirst},
    {CooperativeAct::kWithdraw, "let a member withdraw", false, true, true, {}, kLaunchFirst},
    {CooperativeAct::kClose, "be closed", false, true, false, CooperativeState::kClosed,
     kLaunchFirst},
}};

const Rule& RuleOf(CooperativeAct act) {
  const Rule& rule = kRules.at(static_cast<size_t>(act));
  KALAVAI_CHECK(rule.act == act, "the table has one row an act, in the order of the enum");
  return rule;
}

bool Allows(const Rule& rule, CooperativeState state) {
  switch (state) {
    case CooperativeState::kDraft:
      return rule.in_draft;
    case CooperativeState::kActive:
      return rule.in_active;
    case CooperativeState::kClosed:
      return rule.in_closed;
  }
  return false;
}

}  // namespace

absl::string_view StateName(CooperativeState state) {
  switch (state) {
    case CooperativeState::kDraft:
      return "DRAFT";
    case CooperativeState::kActive:
      return "ACTIVE";
    case CooperativeState::kClosed:
      return "CLOSED";
  }
  return "";
}

std::optional<CooperativeState> ParseState(absl::string_view name) {
  for (const auto state :
       {CooperativeState::kDraft, CooperativeState::kActive, CooperativeState::kClosed}) {
    if (StateName(state) == name) return state;
  }
  return std::nullopt;
}

absl::Status CheckAct(absl::string_view cooperative, CooperativeState state, CooperativeAct act) {
  const Rule& rule = RuleOf(act);
  if (Allows(rule, state)) return absl::OkStatus();
  std::vector<std::string> needed;
  for (const auto candidate :
       {CooperativeState::kDraft, CooperativeState::kActive, CooperativeState::kClosed}) {
    if (Allows(rule, candidate)) needed.emplace_back(StateName(candidate));
  }
  const std::string states = absl::StrJoin(needed, " or ");
  const absl::string_view fix = state == CooperativeState::kClosed ? kClosedForGood : rule.fix;
  return MakeError(absl::StatusCode::kFailedPrecondition, "PHASE_MISMATCH",
                   {.what = absl::StrCat(CooperativeName(cooperative), ": state ", StateName(state),
                                         " found; must be ", states, " to ", rule.words),
                    .why = "what makes the charter is fixed by the launch, and members rely on it",
                    .fix = std::string(fix),
                    .metadata = {{"cooperative", std::string(cooperative)},
                                 {"state", std::string(StateName(state))},
                                 {"expected", states}}});
}

CooperativeState StateAfter(CooperativeState state, CooperativeAct act) {
  return RuleOf(act).next.value_or(state);
}

}  // namespace kalavai::coordinator

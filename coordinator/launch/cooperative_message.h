// Rows of phase 1 as messages of the API. Pure functions.
#ifndef KALAVAI_COORDINATOR_LAUNCH_COOPERATIVE_MESSAGE_H_
#define KALAVAI_COORDINATOR_LAUNCH_COOPERATIVE_MESSAGE_H_

#include <optional>

#include "coordinator/launch/cooperative_store.h"
#include "coordinator/launch/later_phases.h"
#include "kalavai/v1/cooperative.pb.h"

namespace kalavai::coordinator {

v1::Cooperative ToMessage(const CooperativeRow& row, const std::optional<BaseSummary>& base);
v1::Contributor ToMessage(const ContributorRow& row);
v1::ProbeText ToMessage(const ProbeTextRow& row);
v1::Withdrawal ToMessage(const WithdrawalSummary& withdrawal);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_LAUNCH_COOPERATIVE_MESSAGE_H_

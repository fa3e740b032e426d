#include "common/prediction/what_if_request.h"

#include "common/base/status_macros.h"
#include "common/forecast/what_if.h"

namespace kalavai {

absl::StatusOr<v1::ForecastWhatIfRequest> WhatIfRequest(const std::string& cooperative,
                                                        const std::string& calibration,
                                                        const std::vector<std::string>& without,
                                                        const std::vector<std::string>& planned) {
  v1::ForecastWhatIfRequest request;
  request.set_parent(cooperative);
  request.set_calibration(calibration);
  for (const std::string& name : without) request.add_without(name);
  for (const std::string& text : planned) {
    ASSIGN_OR_RETURN(const PlannedMember member, ParsePlannedMember(text));
    v1::PlannedMember& message = *request.add_planned();
    message.set_domain(member.domain);
    message.set_base_loss(member.base_loss);
    message.set_own_loss(member.own_loss);
  }
  return request;
}

}  // namespace kalavai

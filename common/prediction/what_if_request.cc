#include "common/prediction/what_if_request.h"

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
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

absl::Status SetPublicLosses(const std::string& text, v1::Measurement& measurement) {
  const absl::StatusOr<PlannedMember> losses = ParsePlannedMember(absl::StrCat("public:", text));
  if (!losses.ok() || losses->domain != "public") {
    return MakeError(absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID",
                     {.what = absl::StrCat("public losses: '", text.substr(0, 80),
                                           "' found; must be BASE:OWN, two losses"),
                      .why = "they say how much the specialist forgets or helps elsewhere",
                      .fix = "measure both models on one public text with 'kalavai evaluate', then "
                             "write 2.54:2.61"});
  }
  measurement.set_public_base_loss(losses->base_loss);
  measurement.set_public_own_loss(losses->own_loss);
  return absl::OkStatus();
}

}  // namespace kalavai

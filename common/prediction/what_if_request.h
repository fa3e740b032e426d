// The flags --without and --with-planned of `predict` as a request of the API. Pure.
#ifndef KALAVAI_COMMON_PREDICTION_WHAT_IF_REQUEST_H_
#define KALAVAI_COMMON_PREDICTION_WHAT_IF_REQUEST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "kalavai/v1/prediction.pb.h"

namespace kalavai {

// `planned` are "DOMAIN:BASE:OWN" (common/forecast/what_if.h). WHAT_IF_INVALID as there.
absl::StatusOr<v1::ForecastWhatIfRequest> WhatIfRequest(const std::string& cooperative,
                                                        const std::string& calibration,
                                                        const std::vector<std::string>& without,
                                                        const std::vector<std::string>& planned);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PREDICTION_WHAT_IF_REQUEST_H_

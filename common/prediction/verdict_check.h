// What `predict --check` does with a verdict: scripts go on only after GO. Pure.
#ifndef KALAVAI_COMMON_PREDICTION_VERDICT_CHECK_H_
#define KALAVAI_COMMON_PREDICTION_VERDICT_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kalavai {

// OK for "GO"; FAILED_PRECONDITION PREDICTION_NOT_GO otherwise. `reason` is the prediction's.
absl::Status RequireGo(absl::string_view verdict, const std::string& reason);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PREDICTION_VERDICT_CHECK_H_

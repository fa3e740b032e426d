// What if members were left out, or planned ones added? Loss matrices for such questions.
//
// Who is left out takes along the domains that nobody else has. A planned member has two losses on
// text of its domain; it is taken for the base outside it, and the others for the base on a domain
// that is new. On a domain that is there its loss keeps the proportion own / base.
// Errors: InvalidArgument WHAT_IF_INVALID. Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_FORECAST_WHAT_IF_H_
#define KALAVAI_COMMON_FORECAST_WHAT_IF_H_

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/forecast/forecast_file.h"

namespace kalavai {

struct PlannedMember {
  std::string domain = {};
  double base_loss = 0;  // nats/token, on text of that domain
  double own_loss = 0;   // the planned specialist's, the same text
};

// "DOMAIN:BASE:OWN", as "welsh:5.7:4.4"; a domain may contain colons. Losses in [kLossMin,
// kLossMax].
absl::StatusOr<PlannedMember> ParsePlannedMember(absl::string_view text);

struct WhatIf {
  std::span<const std::string> without = {};  // names of specialists of the matrix
  std::span<const PlannedMember> planned = {};
};

// The matrix of the cooperative that is asked about; fused losses are dropped, for it would be
// another model. WHAT_IF_INVALID: a name that is no specialist's; FailedPrecondition
// NOT_ENOUGH_SPECIALISTS: fewer than two are left.
absl::StatusOr<ForecastFile> ApplyWhatIf(const ForecastFile& file, const WhatIf& question);

// FailedPrecondition NOT_ENOUGH_SPECIALISTS: fewer than two, or no domain.
absl::Status RequireTwoSpecialists(const LossMatrix& matrix);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_WHAT_IF_H_

#include "common/forecast/coverage.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"

#include "common/base/errors.h"

namespace kalavai {
namespace {

absl::Status Invalid(std::string what) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID",
      {.what = std::move(what), .why = "the coverage estimate compares losses of one protocol"});
}

bool IsLoss(double value) { return std::isfinite(value) && value > 0; }

}  // namespace

absl::StatusOr<Coverage> EstimateCoverage(std::span<const MemberLosses> members,
                                          std::span<const double> base_loss) {
  if (base_loss.empty()) return Invalid("evaluation domains: none; must be at least one");
  double base_sum = 0;
  for (size_t d = 0; d < base_loss.size(); ++d) {
    if (!IsLoss(base_loss[d])) {
      return Invalid(absl::StrFormat("base loss of domain %d: %g; must be finite and above 0", d,
                                     base_loss[d]));
    }
    base_sum += base_loss[d];
  }
  Coverage coverage;
  coverage.domain_improvement.assign(base_loss.size(), 0);
  for (size_t i = 0; i < members.size(); ++i) {
    const MemberLosses& member = members[i];
    if (member.domain < 0 || static_cast<size_t>(member.domain) >= base_loss.size()) {
      return Invalid(absl::StrFormat("domain of member %d: index %d; must be in [0, %d)", i,
                                     member.domain, base_loss.size()));
    }
    if (!IsLoss(member.base_loss) || !IsLoss(member.specialist_loss)) {
      return Invalid(absl::StrFormat("losses of member %d: %g and %g; must be finite and above 0",
                                     i, member.base_loss, member.specialist_loss));
    }
    double& improvement = coverage.domain_improvement[static_cast<size_t>(member.domain)];
    improvement = std::max(improvement, member.base_loss - member.specialist_loss);
  }
  double sum = 0;
  double largest = 0;
  for (const double improvement : coverage.domain_improvement) {
    sum += improvement;
    largest = std::max(largest, improvement);
  }
  if (base_sum <= largest) {
    return Invalid(absl::StrFormat("largest improvement: %g nats; must be below the base's %g",
                                   largest, base_sum));
  }
  coverage.gain_percent = 100 * (sum - largest) / (base_sum - largest);
  return coverage;
}

}  // namespace kalavai

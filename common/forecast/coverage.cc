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
  // What is left of the base's loss where the best member of a domain speaks. Not the base's loss
  // less the improvement: of losses 18 orders apart that would be 0.
  std::vector<double> left(base_loss.begin(), base_loss.end());
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
    const auto domain = static_cast<size_t>(member.domain);
    const double improvement = member.base_loss - member.specialist_loss;
    if (improvement <= coverage.domain_improvement[domain]) continue;
    coverage.domain_improvement[domain] = improvement;
    left[domain] = base_loss[domain] - member.base_loss + member.specialist_loss;
  }
  const std::vector<double>& won = coverage.domain_improvement;
  const auto largest = static_cast<size_t>(std::max_element(won.begin(), won.end()) - won.begin());
  double others = 0;
  double rest = 0;
  for (size_t d = 0; d < won.size(); ++d) {
    if (d != largest) others += won[d];
    rest += d == largest ? left[d] : base_loss[d];
  }
  if (rest <= 0) {
    return Invalid(absl::StrFormat("largest improvement: %g nats; must be below the base's %g",
                                   won[largest], base_sum));
  }
  coverage.gain_percent = 100 * others / rest;
  return coverage;
}

}  // namespace kalavai

#include "common/forecast/transfer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"

namespace kalavai {

double TransferOf(double public_base_loss, double public_own_loss) {
  return (public_own_loss - public_base_loss) / public_base_loss;
}

bool HasTransfer(std::span<const MemberLosses> members) {
  return !members.empty() && std::all_of(members.begin(), members.end(), [](const MemberLosses& m) {
    return m.transfer.has_value();
  });
}

absl::StatusOr<double> CoverageWithTransfer(std::span<const MemberLosses> members,
                                            std::span<const double> base_loss) {
  ASSIGN_OR_RETURN(const Coverage coverage, EstimateCoverage(members, base_loss));
  std::vector<double> improvement = coverage.domain_improvement;  // R*_d
  const double base_sum = std::accumulate(base_loss.begin(), base_loss.end(), 0.0);
  double best = -std::numeric_limits<double>::infinity();  // M
  for (size_t i = 0; i < members.size(); ++i) {
    const MemberLosses& member = members[i];
    const double transfer = member.transfer.value_or(0);
    if (!std::isfinite(transfer) || transfer <= -1) {
      return MakeError(
          absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID",
          {.what = absl::StrFormat("transfer of member %d: %g; must be above -1", i, transfer),
           .why = "a loss cannot fall below 0"});
    }
    const auto own = static_cast<size_t>(member.domain);
    const double others = base_sum - base_loss[own];
    best = std::max(best, member.base_loss - member.specialist_loss - transfer * others);
    for (size_t d = 0; d < improvement.size(); ++d) {
      if (d != own) improvement[d] = std::max(improvement[d], -transfer * base_loss[d]);
    }
  }
  const double covered = std::accumulate(improvement.begin(), improvement.end(), 0.0);
  if (!(base_sum - best > 0)) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID",
        {.what = absl::StrFormat("best specialist: wins %g of the base's %g nats; must "
                                 "leave some",
                                 best, base_sum),
         .why = "a loss cannot fall below 0"});
  }
  return 100 * (covered - best) / (base_sum - best);
}

}  // namespace kalavai

// The coverage estimate: a forecast from two numbers a member, before anything is uploaded.
//
// With b_i the base's loss on member i's own held-out text and s_i the specialist's, r_i =
// max(0, b_i - s_i), and R_d the largest r_i among the members of domain d,
//
//   gain = 100 * (Σ_d R_d - max_d R_d) / (Σ_d B[d] - max_d R_d)
//
// over all evaluation domains d (design §2). It assumes that a specialist equals the base outside
// its own domain: low where members forget much, high where they help each other. Thread-safe: pure
// functions.
#ifndef KALAVAI_COMMON_FORECAST_COVERAGE_H_
#define KALAVAI_COMMON_FORECAST_COVERAGE_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace kalavai {

struct MemberLosses {
  int domain = 0;              // index into the evaluation domains
  double base_loss = 0;        // b_i, nats/token, on the member's own held-out text
  double specialist_loss = 0;  // s_i, the same text
  // Standard error of b_i - s_i over the chunks of that text; only for the interval.
  double improvement_standard_error = 0;
};

struct Coverage {
  double gain_percent = 0;
  std::vector<double> domain_improvement = {};  // R_d [D], nats/token
};

// `base_loss` is B[d] [D], nats/token. InvalidArgument MEASUREMENT_INVALID: no domain, a member
// of a domain that does not exist, or a loss that is not a finite number above 0, or improvements
// that exceed the base losses.
absl::StatusOr<Coverage> EstimateCoverage(std::span<const MemberLosses> members,
                                          std::span<const double> base_loss);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_COVERAGE_H_

#include "common/forecast/credit.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace kalavai {
namespace {

// What specialist i wins over the base on domain d, in the unit; 0 when it is worse.
double Improvement(const LossMatrix& matrix, size_t specialist, size_t domain, CreditUnit unit) {
  const double base = matrix.loss[0][domain];
  const double won = std::max(0.0, base - matrix.loss[specialist + 1][domain]);
  return unit == CreditUnit::kNats ? won : 100 * won / base;
}

// Adds one domain's airport game. `won` is sorted away from its owner by `order`, ascending.
void AddDomain(const std::vector<double>& won, double weight, Credit& credit) {
  std::vector<size_t> order(won.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&won](size_t a, size_t b) { return won[a] < won[b]; });
  // The k-th increment (ascending) is used by those from k on; they share it equally.
  double share = 0;
  double reached = 0;
  for (size_t k = 0; k < order.size(); ++k) {
    const double increment = won[order[k]] - reached;
    reached = won[order[k]];
    share += increment / static_cast<double>(order.size() - k);
    credit.shapley[order[k]] += weight * share;
  }
  if (order.empty()) return;
  const double second = order.size() > 1 ? won[order[order.size() - 2]] : 0;
  credit.leave_one_out[order.back()] += weight * (reached - second);
  credit.total += weight * reached;
}

}  // namespace

Credit ComputeCredit(const LossMatrix& matrix, CreditUnit unit) {
  const size_t specialists = matrix.own_domain.size();
  const double weight = 1 / static_cast<double>(matrix.domains.size());
  Credit credit;
  credit.shapley.assign(specialists, 0);
  credit.leave_one_out.assign(specialists, 0);
  for (size_t d = 0; d < matrix.domains.size(); ++d) {
    std::vector<double> won(specialists);
    for (size_t i = 0; i < specialists; ++i) won[i] = Improvement(matrix, i, d, unit);
    AddDomain(won, weight, credit);
  }
  return credit;
}

double CoalitionValue(const LossMatrix& matrix, std::span<const int> coalition, CreditUnit unit) {
  double sum = 0;
  for (size_t d = 0; d < matrix.domains.size(); ++d) {
    double best = 0;
    for (const int i : coalition) {
      best = std::max(best, Improvement(matrix, static_cast<size_t>(i), d, unit));
    }
    sum += best;
  }
  return sum / static_cast<double>(matrix.domains.size());
}

}  // namespace kalavai

// Goal: the closed form is the Shapley value.
// Method: against the definition over all subsets of up to eight members on random and degenerate
// matrices, to 1e-12.
#include "common/forecast/credit.h"

#include <vector>

#include "common/base/seeded_random.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

LossMatrix RandomMatrix(int specialists, int domains, SeededRandom& random) {
  LossMatrix matrix;
  for (int d = 0; d < domains; ++d) matrix.domains.push_back("d" + std::to_string(d));
  for (int m = 0; m <= specialists; ++m) {
    matrix.models.push_back("m" + std::to_string(m));
    matrix.loss.emplace_back();
    for (int d = 0; d < domains; ++d) matrix.loss.back().push_back(2 + 2 * random.Uniform());
    if (m > 0) matrix.own_domain.push_back((m - 1) % domains);
  }
  return matrix;
}

// Σ_S |S|! (N - |S| - 1)! / N! (v(S + i) - v(S)), by the definition.
std::vector<double> BruteForce(const LossMatrix& matrix, CreditUnit unit) {
  const int n = matrix.specialists();
  std::vector<double> factorial(1, 1);
  for (int k = 1; k <= n; ++k) factorial.push_back(factorial.back() * k);
  std::vector<double> value(static_cast<size_t>(n), 0);
  for (unsigned set = 0; set < 1u << n; ++set) {
    std::vector<int> members;
    for (int i = 0; i < n; ++i) {
      if ((set >> i & 1u) != 0) members.push_back(i);
    }
    const double without = CoalitionValue(matrix, members, unit);
    const double weight = factorial[members.size()] *
                          factorial[static_cast<size_t>(n) - members.size() -
                                    (members.size() < static_cast<size_t>(n) ? 1 : 0)] /
                          factorial.back();
    for (int i = 0; i < n; ++i) {
      if ((set >> i & 1u) != 0) continue;
      std::vector<int> with = members;
      with.push_back(i);
      value[static_cast<size_t>(i)] += weight * (CoalitionValue(matrix, with, unit) - without);
    }
  }
  return value;
}

// Shapley, leave-one-out and their sums against the definition; `scale` is that of the losses.
void RequireDefinition(const LossMatrix& matrix, CreditUnit unit, double scale) {
  const double tolerance = 1e-12 * (unit == CreditUnit::kNats ? scale : 100);
  const Credit credit = ComputeCredit(matrix, unit);
  const std::vector<double> brute = BruteForce(matrix, unit);
  double sum = 0;
  std::vector<int> all;
  for (int i = 0; i < matrix.specialists(); ++i) all.push_back(i);
  for (const int i : all) {
    const size_t at = static_cast<size_t>(i);
    REQUIRE_NEAR(credit.shapley[at], brute[at], tolerance);
    REQUIRE(credit.shapley[at] >= 0);
    sum += credit.shapley[at];
    std::vector<int> others = all;
    others.erase(others.begin() + i);
    REQUIRE_NEAR(credit.leave_one_out[at],
                 CoalitionValue(matrix, all, unit) - CoalitionValue(matrix, others, unit),
                 tolerance);
    REQUIRE(credit.leave_one_out[at] <= credit.shapley[at] + tolerance);
  }
  REQUIRE_NEAR(sum, credit.total, tolerance);
  REQUIRE_NEAR(credit.total, CoalitionValue(matrix, all, unit), tolerance);
}

TEST_CASE("The closed form equals the definition and sums to the whole", "[forecast]") {
  SeededRandom random(7);
  for (int n = 1; n <= 8; ++n) {
    for (const CreditUnit unit : {CreditUnit::kNats, CreditUnit::kPercentOfBase}) {
      INFO(n);
      RequireDefinition(RandomMatrix(n, 1 + n / 2, random), unit, 1);
    }
  }
}

TEST_CASE("Ties, members who win nothing and extreme losses change nothing of that", "[forecast]") {
  SeededRandom random(11);
  for (int n = 1; n <= 8; ++n) {
    INFO(n);
    LossMatrix grid = RandomMatrix(n, 4, random);  // few values: many ties
    LossMatrix equal = grid;
    LossMatrix worse = grid;
    LossMatrix mixed = grid;
    for (size_t m = 0; m < grid.loss.size(); ++m) {
      for (size_t d = 0; d < grid.domains.size(); ++d) {
        grid.loss[m][d] = 1 + static_cast<double>(random.Below(3));
        equal.loss[m][d] = 2.5;
        worse.loss[m][d] = m == 0 ? 1 : 1 + random.Uniform();
        mixed.loss[m][d] = m % 2 == 0 ? 1e-9 * (1 + random.Uniform()) : 1e3 * random.Uniform();
      }
    }
    mixed.loss[0] = {1e3, 1e3, 1e-9, 1};
    for (const CreditUnit unit : {CreditUnit::kNats, CreditUnit::kPercentOfBase}) {
      RequireDefinition(grid, unit, 1);
      RequireDefinition(equal, unit, 1);
      RequireDefinition(worse, unit, 1);
      RequireDefinition(mixed, unit, 1e3);
    }
    CHECK(ComputeCredit(equal).total == 0);
    CHECK(ComputeCredit(worse).total == 0);
  }
}

TEST_CASE("Two members who cover the same ground share it, and neither is indispensable",
          "[forecast]") {
  const LossMatrix matrix{.domains = {"law"},
                          .models = {"base", "a", "b", "worse"},
                          .loss = {{3}, {2}, {2}, {4}},
                          .own_domain = {0, 0, 0}};
  const Credit credit = ComputeCredit(matrix);
  REQUIRE_NEAR(credit.shapley[0], 0.5, 1e-12);
  REQUIRE_NEAR(credit.shapley[1], 0.5, 1e-12);
  CHECK(credit.shapley[2] == 0);
  CHECK(credit.leave_one_out[0] == 0);
}

}  // namespace
}  // namespace kalavai

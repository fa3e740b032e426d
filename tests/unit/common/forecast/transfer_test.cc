// Goal: the estimate with transfer is its formula, and predicts matrices it has not seen.
// Method: matrices that meet its assumption exactly, then every published matrix: one domain plays
// the public text, the cooperative of the others is predicted from it and two losses a member.
#include "common/forecast/transfer.h"

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "common/base/seeded_random.h"
#include "common/forecast/loss_matrix.h"
#include "tests/support/catch.h"
#include "tests/unit/common/forecast/published_conditions.h"

namespace kalavai {
namespace {

TEST_CASE("Without transfer it is the plain estimate", "[forecast]") {
  const std::vector<double> base = {4, 3, 5};
  const std::vector<MemberLosses> members = {
      {.domain = 0, .base_loss = 4, .specialist_loss = 3, .transfer = 0},
      {.domain = 1, .base_loss = 3, .specialist_loss = 2.5, .transfer = 0}};
  REQUIRE(HasTransfer(members));
  REQUIRE_NEAR(CoverageWithTransfer(members, base).value(),
               EstimateCoverage(members, base)->gain_percent, 1e-12);
  CHECK_FALSE(HasTransfer({}));
  const std::vector<MemberLosses> partly = {members[0], {.domain = 1}};
  CHECK_FALSE(HasTransfer(partly));
}

TEST_CASE("It equals the oracle where every specialist changes other domains in proportion",
          "[forecast]") {
  SeededRandom random(3);
  for (int round = 0; round < 200; ++round) {
    const int n = 2 + static_cast<int>(random.Below(6));
    LossMatrix matrix{.models = {"base"}, .loss = {{}}};
    for (int d = 0; d < n; ++d) {
      matrix.domains.push_back(std::to_string(d));
      matrix.loss[0].push_back(1 + 4 * random.Uniform());
    }
    std::vector<MemberLosses> members;
    for (int i = 0; i < n; ++i) {
      const auto own = static_cast<size_t>(i);
      const double transfer = 0.2 * random.Uniform() - 0.08;
      matrix.models.push_back("m" + std::to_string(i));
      matrix.own_domain.push_back(i);
      std::vector<double> row = matrix.loss[0];
      for (double& loss : row) loss *= 1 + transfer;
      row[own] = matrix.loss[0][own] * (0.5 + 0.6 * random.Uniform());
      members.push_back({.domain = i,
                         .base_loss = matrix.loss[0][own],
                         .specialist_loss = row[own],
                         .transfer = transfer});
      matrix.loss.push_back(row);
    }
    REQUIRE_NEAR(CoverageWithTransfer(members, matrix.loss[0]).value(), OracleGainPercent(matrix),
                 1e-9);
  }
}

TEST_CASE("What no loss can do is refused", "[forecast]") {
  const std::vector<double> base = {4, 3};
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double transfer : {-1.0, -2.0, infinity, -infinity, std::nan("")}) {
    const std::vector<MemberLosses> members = {
        {.domain = 0, .base_loss = 4, .specialist_loss = 3, .transfer = transfer}};
    REQUIRE_STATUS(CoverageWithTransfer(members, base), absl::StatusCode::kInvalidArgument,
                   "MEASUREMENT_INVALID");
  }
  const std::vector<MemberLosses> everything = {
      {.domain = 0, .base_loss = 90, .specialist_loss = 1, .transfer = 0.1}};
  REQUIRE_STATUS(CoverageWithTransfer(everything, base), absl::StatusCode::kInvalidArgument,
                 "MEASUREMENT_INVALID");
  REQUIRE_NEAR(TransferOf(2, 2.5), 0.25, 1e-15);
}

struct Errors {
  double plain = 0;
  double transfer = 0;
  int cooperatives = 0;
};

// Mean absolute errors against the oracle of the cooperative without `public_domain`'s member,
// which is then public text that no member has.
Errors Predict(const LossMatrix& matrix, size_t public_domain) {
  std::vector<double> base;
  std::vector<int> index(matrix.domains.size(), kNoDomain);
  for (size_t d = 0; d < matrix.domains.size(); ++d) {
    if (d == public_domain) continue;
    index[d] = static_cast<int>(base.size());
    base.push_back(matrix.loss[0][d]);
  }
  LossMatrix rest{.models = {"base"}, .loss = {base}};
  rest.domains.resize(base.size());
  std::vector<MemberLosses> members;
  for (size_t i = 0; i < matrix.own_domain.size(); ++i) {
    const auto own = static_cast<size_t>(matrix.own_domain[i]);
    if (own == public_domain) continue;
    const std::vector<double>& row = matrix.loss[i + 1];
    members.push_back({.domain = index[own],
                       .base_loss = matrix.loss[0][own],
                       .specialist_loss = row[own],
                       .transfer = TransferOf(matrix.loss[0][public_domain], row[public_domain])});
    rest.own_domain.push_back(index[own]);
    rest.models.push_back(matrix.models[i + 1]);
    rest.loss.emplace_back();
    for (size_t d = 0; d < row.size(); ++d) {
      if (d != public_domain) rest.loss.back().push_back(row[d]);
    }
  }
  if (members.size() < 2) return {};
  const double oracle = OracleGainPercent(rest);
  return {.plain = std::abs(EstimateCoverage(members, base)->gain_percent - oracle),
          .transfer = std::abs(CoverageWithTransfer(members, base).value() - oracle),
          .cooperatives = 1};
}

TEST_CASE("On published matrices it nearly halves the error of the plain estimate", "[forecast]") {
  double plain = 0;
  double transfer = 0;
  int conditions = 0;
  for (const PublishedCondition& condition : PublishedConditions()) {
    if (condition.id.substr(0, 4) == "lora") continue;  // destroyed models
    Errors sum;
    for (size_t d = 0; d < condition.file.matrix.domains.size(); ++d) {
      const Errors one = Predict(condition.file.matrix, d);
      sum.plain += one.plain;
      sum.transfer += one.transfer;
      sum.cooperatives += one.cooperatives;
    }
    if (sum.cooperatives == 0) continue;
    plain += sum.plain / sum.cooperatives;
    transfer += sum.transfer / sum.cooperatives;
    ++conditions;
  }
  INFO(conditions << " conditions, plain " << plain / conditions << ", with transfer "
                  << transfer / conditions);
  REQUIRE(conditions == 23);
  CHECK(plain / conditions > 1.3);
  CHECK(transfer / conditions < 0.9);
}

}  // namespace
}  // namespace kalavai

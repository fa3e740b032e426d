#include "common/forecast/what_if.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"

namespace kalavai {
namespace {

constexpr size_t kShownBytes = 80;

absl::Status Invalid(std::string what, std::string why, std::string fix) {
  return MakeError(absl::StatusCode::kInvalidArgument, "WHAT_IF_INVALID",
                   {.what = std::move(what), .why = std::move(why), .fix = std::move(fix)});
}

absl::Status InvalidPlan(absl::string_view text) {
  return Invalid(
      absl::StrCat("planned member: '", text.substr(0, kShownBytes),
                   "' found; must be DOMAIN:BASE:OWN"),
      absl::StrFormat("BASE and OWN are losses on text of the domain, nats a token, %g to %g",
                      kLossMin, kLossMax),
      "write it as welsh:5.7:4.4");
}

// A plain decimal: SimpleAtod also takes spaces, "0x10" and "infinity".
bool ParseLoss(absl::string_view text, double* loss) {
  return text.find_first_not_of("0123456789.eE+-") == absl::string_view::npos &&
         absl::SimpleAtod(text, loss) && *loss >= kLossMin && *loss <= kLossMax;
}

// Rows that stay, the base among them.
absl::StatusOr<std::vector<size_t>> Remaining(const LossMatrix& matrix,
                                              std::span<const std::string> without) {
  const std::set<std::string> leaving(without.begin(), without.end());
  for (const std::string& name : leaving) {
    if (std::find(matrix.models.begin() + 1, matrix.models.end(), name) != matrix.models.end()) {
      continue;
    }
    return Invalid(
        absl::StrCat("without: '", name.substr(0, kShownBytes), "' found; must be one of ",
                     absl::StrJoin(matrix.models.begin() + 1, matrix.models.end(), ", ")
                         .substr(0, 4 * kShownBytes)),
        "only who is there can be left out", "correct the name");
  }
  std::vector<size_t> rows = {0};
  for (size_t m = 1; m < matrix.models.size(); ++m) {
    if (!leaving.contains(matrix.models[m])) rows.push_back(m);
  }
  return rows;
}

// The columns that stay: not those whose every member leaves.
std::vector<size_t> RemainingDomains(const LossMatrix& matrix, const std::vector<size_t>& rows) {
  std::set<int> before(matrix.own_domain.begin(), matrix.own_domain.end());
  std::set<int> after;
  for (const size_t row : rows) {
    if (row > 0) after.insert(matrix.own_domain[row - 1]);
  }
  std::vector<size_t> columns;
  for (size_t d = 0; d < matrix.domains.size(); ++d) {
    const int domain = static_cast<int>(d);
    if (!before.contains(domain) || after.contains(domain)) columns.push_back(d);
  }
  return columns;
}

LossMatrix Select(const LossMatrix& matrix, const std::vector<size_t>& rows,
                  const std::vector<size_t>& columns) {
  LossMatrix result;
  std::vector<int> index(matrix.domains.size(), kNoDomain);
  for (const size_t column : columns) {
    index[column] = static_cast<int>(result.domains.size());
    result.domains.push_back(matrix.domains[column]);
  }
  for (const size_t row : rows) {
    result.models.push_back(matrix.models[row]);
    std::vector<double> losses;
    for (const size_t column : columns) losses.push_back(matrix.loss[row][column]);
    result.loss.push_back(std::move(losses));
    if (row == 0) continue;
    const int own = matrix.own_domain[row - 1];
    result.own_domain.push_back(own == kNoDomain ? kNoDomain : index[static_cast<size_t>(own)]);
  }
  return result;
}

void AddPlanned(const PlannedMember& member, LossMatrix& matrix) {
  const auto found = std::find(matrix.domains.begin(), matrix.domains.end(), member.domain);
  const auto own = static_cast<size_t>(found - matrix.domains.begin());
  if (found == matrix.domains.end()) {
    matrix.domains.push_back(member.domain);
    for (std::vector<double>& row : matrix.loss) row.push_back(member.base_loss);
  }
  std::string name = absl::StrCat("planned ", member.domain);
  while (std::find(matrix.models.begin(), matrix.models.end(), name) != matrix.models.end()) {
    absl::StrAppend(&name, "'");
  }
  std::vector<double> row = matrix.loss[0];
  row[own] *= member.own_loss / member.base_loss;
  matrix.models.push_back(std::move(name));
  matrix.loss.push_back(std::move(row));
  matrix.own_domain.push_back(static_cast<int>(own));
}

}  // namespace

absl::StatusOr<PlannedMember> ParsePlannedMember(absl::string_view text) {
  const size_t second = text.rfind(':');
  if (second == absl::string_view::npos || second == 0) return InvalidPlan(text);
  const size_t first = text.rfind(':', second - 1);
  if (first == absl::string_view::npos || first == 0) return InvalidPlan(text);
  PlannedMember member{.domain = std::string(text.substr(0, first))};
  if (!ParseLoss(text.substr(first + 1, second - first - 1), &member.base_loss) ||
      !ParseLoss(text.substr(second + 1), &member.own_loss)) {
    return InvalidPlan(text);
  }
  return member;
}

absl::StatusOr<ForecastFile> ApplyWhatIf(const ForecastFile& file, const WhatIf& question) {
  ASSIGN_OR_RETURN(const std::vector<size_t> rows, Remaining(file.matrix, question.without));
  ForecastFile result{.matrix = Select(file.matrix, rows, RemainingDomains(file.matrix, rows))};
  for (const PlannedMember& member : question.planned) AddPlanned(member, result.matrix);
  RETURN_IF_ERROR(RequireTwoSpecialists(result.matrix));
  return result;
}

absl::Status RequireTwoSpecialists(const LossMatrix& matrix) {
  if (matrix.specialists() >= 2 && !matrix.domains.empty()) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "NOT_ENOUGH_SPECIALISTS",
      {.what = absl::StrCat("specialists: ", matrix.specialists(), " found; must be at least two"),
       .why = "a fusion mixes specialists of different members",
       .fix = "add the losses of another specialist, or leave fewer out"});
}

}  // namespace kalavai

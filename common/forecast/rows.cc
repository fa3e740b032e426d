#include "common/forecast/rows.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "common/base/status_macros.h"

namespace kalavai {
namespace {

// Of two reports of one model on the same chunks: devices and thread counts sum differently.
constexpr double kSameTextShare = 0.01;
// Deviation of a chunk's loss, as a share of it, and how many deviations are still chance.
constexpr double kChunkScatterShare = 0.25;
constexpr double kChanceDeviations = 3;

bool Contradict(const RowLosses& a, const RowLosses& b) {
  const double mean = (a.base_loss + b.base_loss) / 2;
  double tolerance = kSameTextShare * mean;
  if (a.text != b.text) {
    tolerance += kChanceDeviations * kChunkScatterShare * mean *
                 std::sqrt(1 / static_cast<double>(a.chunks) + 1 / static_cast<double>(b.chunks));
  }
  return std::abs(a.base_loss - b.base_loss) > tolerance;
}

// The rows that say something of the base's loss on domain `d`.
std::vector<const MemberRow*> Reporting(std::span<const MemberRow> rows, size_t d) {
  std::vector<const MemberRow*> found;
  for (const MemberRow& row : rows) {
    if (row.losses[d].has_value() && !row.losses[d]->own_text) found.push_back(&row);
  }
  return found;
}

double BaseLoss(std::span<const MemberRow> rows, size_t d) {
  const std::vector<const MemberRow*> reporting = Reporting(rows, d);
  double sum = 0;
  if (reporting.empty()) {  // nobody but owners who measured their own text
    for (const MemberRow& row : rows) sum += row.losses[d]->base_loss;
    return sum / static_cast<double>(rows.size());
  }
  for (const MemberRow* const row : reporting) sum += row->losses[d]->base_loss;
  return sum / static_cast<double>(reporting.size());
}

}  // namespace

std::string MissingRows(std::span<const MemberRow> rows, std::span<const std::string> domains) {
  std::vector<std::string> members;
  for (const MemberRow& row : rows) {
    std::vector<std::string> missing;
    for (size_t d = 0; d < domains.size(); ++d) {
      if (!row.losses[d].has_value()) missing.push_back(domains[d]);
    }
    if (missing.empty()) continue;
    members.push_back(absl::StrCat(row.member, " on ", absl::StrJoin(missing, ", ")));
  }
  return absl::StrJoin(members, "; ");
}

std::string ContradictoryRows(std::span<const MemberRow> rows,
                              std::span<const std::string> domains) {
  std::vector<std::string> found;
  for (size_t d = 0; d < domains.size(); ++d) {
    const std::vector<const MemberRow*> reporting = Reporting(rows, d);
    std::vector<std::string> named;
    for (const MemberRow* const row : reporting) {
      const auto against = static_cast<size_t>(std::count_if(
          reporting.begin(), reporting.end(),
          [&](const MemberRow* other) { return Contradict(*row->losses[d], *other->losses[d]); }));
      if (2 * against <= reporting.size() - 1) continue;
      named.push_back(absl::StrFormat("%s %.4f", row->member, row->losses[d]->base_loss));
    }
    if (named.empty()) continue;
    const bool all = named.size() == reporting.size();
    found.push_back(absl::StrCat("on ", domains[d], " ", absl::StrJoin(named, ", "), " nats/token",
                                 all ? "" : " against the others"));
  }
  return absl::StrJoin(found, "; ");
}

absl::StatusOr<LossMatrix> MatrixOfRows(std::span<const MemberRow> rows,
                                        std::span<const std::string> domains) {
  LossMatrix matrix{.domains = {domains.begin(), domains.end()}, .models = {"base"}};
  matrix.loss.emplace_back();
  for (size_t d = 0; d < domains.size(); ++d) matrix.loss[0].push_back(BaseLoss(rows, d));
  for (const MemberRow& row : rows) {
    matrix.models.push_back(absl::StrCat("specialist of ", row.member));
    matrix.own_domain.push_back(row.own_domain);
    std::vector<double> losses;
    for (size_t d = 0; d < domains.size(); ++d) {
      losses.push_back(matrix.loss[0][d] * row.losses[d]->own_loss / row.losses[d]->base_loss);
    }
    matrix.loss.push_back(std::move(losses));
  }
  RETURN_IF_ERROR(ValidateLossMatrix(matrix));
  return matrix;
}

absl::StatusOr<Estimate> EstimateRows(std::span<const MemberRow> rows,
                                      std::span<const std::string> domains,
                                      const RowsOptions& options) {
  ASSIGN_OR_RETURN(const LossMatrix matrix, MatrixOfRows(rows, domains));
  std::vector<std::vector<double>> standard_error;
  for (const MemberRow& row : rows) {
    std::vector<double> errors;
    for (size_t d = 0; d < domains.size(); ++d) {
      errors.push_back(matrix.loss[0][d] * row.losses[d]->standard_error /
                       row.losses[d]->base_loss);
    }
    standard_error.push_back(std::move(errors));
  }
  ASSIGN_OR_RETURN(Estimate estimate,
                   OracleFromStandardErrors(matrix, standard_error, options.bootstrap));
  estimate.interval.low -= GateCostPercent(matrix, options.chunk_tokens - 1);
  return estimate;
}

}  // namespace kalavai

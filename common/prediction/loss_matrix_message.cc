#include "common/prediction/loss_matrix_message.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"

namespace kalavai {
namespace {

absl::Status Invalid(std::string what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "LOSS_MATRIX_INVALID",
                   {.what = std::move(what),
                    .why = "every figure of a forecast is arithmetic on this matrix",
                    .fix = "ask the coordinator's administrator: the answer is damaged"});
}

std::string Label(const v1::LossMatrix::Row& row) {
  const auto name = ParseContributorName(row.contributor());
  return name.ok() ? name->id : row.model();
}

// As of a file: no figure overflows, whoever sent them.
absl::Status CheckRange(const std::string& model, const std::vector<double>& losses) {
  for (const double loss : losses) {
    if (loss >= kLossMin && loss <= kLossMax) continue;
    return Invalid(absl::StrFormat("a loss of %s: %g; must be from %g to %g", model, loss, kLossMin,
                                   kLossMax));
  }
  return absl::OkStatus();
}

template <class Repeated>
std::vector<double> Counted(const Repeated& losses, const std::vector<int>& columns) {
  std::vector<double> counted;
  for (const int column : columns) counted.push_back(losses[column]);
  return counted;
}

}  // namespace

absl::StatusOr<ForecastFile> ReadLossMatrix(const v1::LossMatrix& message) {
  ForecastFile file;
  LossMatrix& matrix = file.matrix;
  std::vector<int> columns;
  for (int d = 0; d < message.domains_size(); ++d) {
    const auto& open = message.public_domains();
    if (std::find(open.begin(), open.end(), message.domains(d)) != open.end()) continue;
    matrix.domains.push_back(message.domains(d));
    columns.push_back(d);
  }
  if (message.rows().empty() || message.rows(0).model() != "base") {
    return Invalid("rows: the first must be the base");
  }
  for (int m = 0; m < message.rows_size(); ++m) {
    const v1::LossMatrix::Row& row = message.rows(m);
    if (row.losses_size() != message.domains_size()) {
      return Invalid(absl::StrFormat("rows[%d]: %d losses; must be %d, one a domain", m,
                                     row.losses_size(), message.domains_size()));
    }
    matrix.models.push_back(Label(row));
    matrix.loss.push_back(Counted(row.losses(), columns));
    if (m == 0) continue;
    const auto own = std::find(matrix.domains.begin(), matrix.domains.end(), row.domain());
    matrix.own_domain.push_back(
        own == matrix.domains.end() ? kNoDomain : static_cast<int>(own - matrix.domains.begin()));
  }
  RETURN_IF_ERROR(ValidateLossMatrix(matrix));
  if (matrix.own_domain.empty()) return Invalid("rows: no specialist; must be at least one");
  for (size_t m = 0; m < matrix.loss.size(); ++m) {
    RETURN_IF_ERROR(CheckRange(matrix.models[m], matrix.loss[m]));
  }
  if (message.fused_losses().empty()) return file;
  if (message.fused_losses_size() != message.domains_size()) {
    return Invalid(absl::StrFormat("fused_losses: %d; must be %d, one a domain",
                                   message.fused_losses_size(), message.domains_size()));
  }
  file.fused = Counted(message.fused_losses(), columns);
  RETURN_IF_ERROR(CheckRange("the fused model", *file.fused));
  return file;
}

}  // namespace kalavai

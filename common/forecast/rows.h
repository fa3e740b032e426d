// The estimate `rows`: the oracle's formula (loss_matrix.h) before any upload, on rows of the loss
// matrix that members measured at home.
//
// What members do to each other's domains is their own affair: a law specialist may help code by a
// fifth and harm Tamil as much, and no formula on one or two numbers a member knows that. So each
// runs the base and its specialist on the public probe text of every domain and reports both
// losses. With b_id and o_id those of member i on the text of domain d,
//
//   B[d]    = mean over the members of b_id
//   L[i][d] = B[d] · o_id / b_id
//
// the ratio rather than o_id itself, because a member that leaves out documents it trained on has
// measured slightly different text. The gain is OracleGainPercent of that matrix, in which the base
// is a row.
//
// The interval: improvements are drawn from normal distributions with the reported standard errors;
// and no gate is told which expert to follow: its lower end falls by the ln(n) nats a text that
// this may cost with n experts (design §3.3). Thread-safe: pure functions, deterministic.
#ifndef KALAVAI_COMMON_FORECAST_ROWS_H_
#define KALAVAI_COMMON_FORECAST_ROWS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/forecast/estimate.h"
#include "common/forecast/interval.h"
#include "common/forecast/loss_matrix.h"

namespace kalavai {

// Base and one specialist on text of one domain, nats/token.
struct RowLosses {
  double base_loss = 0;
  double own_loss = 0;
  double standard_error = 0;  // of base_loss − own_loss over the chunks
  int64_t chunks = 1;         // at least 1
  std::string text = {};      // what the chunks are known by: the same for the same text
  // Measured on the member's own held-out text: only own_loss / base_loss means anything to others.
  bool own_text = false;
};

struct MemberRow {
  std::string member = {};                            // for messages
  int own_domain = 0;                                 // index into the domains
  std::vector<std::optional<RowLosses>> losses = {};  // [D]
};

// Who lacks which domain ("bo on law, sea; cy on law"); "" when every row is complete.
std::string MissingRows(std::span<const MemberRow> rows, std::span<const std::string> domains);

// Where reports of the base's loss, which is one model, contradict each other: who said what, for
// each domain; "" when they agree. Of the same chunks they must agree to 1 % (arithmetic differs by
// some thousandths of a nat); of other chunks of the same text, to three deviations of the
// difference of two means of chunks that scatter by a quarter of the loss. Who contradicts more
// than half of the others is named: the one, or both when there are two.
std::string ContradictoryRows(std::span<const MemberRow> rows,
                              std::span<const std::string> domains);

// Requires complete rows; at least one. Specialists in the order of `rows`. Errors: those of
// ValidateLossMatrix.
absl::StatusOr<LossMatrix> MatrixOfRows(std::span<const MemberRow> rows,
                                        std::span<const std::string> domains);

struct RowsOptions {
  int64_t chunk_tokens = 256;
  BootstrapOptions bootstrap = {};
};

// As MatrixOfRows; LOSS_MATRIX_INVALID: a standard error that is not finite, or below 0.
absl::StatusOr<Estimate> EstimateRows(std::span<const MemberRow> rows,
                                      std::span<const std::string> domains,
                                      const RowsOptions& options);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_ROWS_H_

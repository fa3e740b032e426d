// A member's row of the loss matrix as it lies in the workspace, and as it is reported.
//
// training/row.json keeps the loss of every chunk, so that a measurement that was interrupted goes
// on, a repetition costs nothing, and a new specialist needs only its own half measured again:
//   {"base":hex,"domains":{DOMAIN:{"base":[nats/token],"documents":N,"left_out":N,"own":[…],
//    "text_sha256":hex,"tokens":N}},"schema":"kalavai.row/1","specialist":hex}
// `base` and `specialist` are the root digests of the directories. It never leaves; what is
// reported is two means a domain, their standard error and what the chunks are known by. Pure
// functions.
#ifndef KALAVAI_CONTRIBUTOR_PREDICTION_MEASURED_ROW_H_
#define KALAVAI_CONTRIBUTOR_PREDICTION_MEASURED_ROW_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "contributor/prediction/domain_text.h"
#include "contributor/workspace.h"
#include "kalavai/v1/prediction.pb.h"

namespace kalavai::contributor {

struct MeasuredDomain {
  std::string text_digest = {};
  int64_t tokens = 0;  // predicted
  int64_t documents = 0;
  int64_t left_out = 0;
  std::vector<double> base = {};  // [chunks] nats/token; empty: not yet measured
  std::vector<double> own = {};
};

struct MeasuredRow {
  std::string base = {};
  std::string specialist = {};
  std::map<std::string, MeasuredDomain> domains = {};

  // Forgets what speaks of other weights: everything when the base is another, the specialist's
  // losses when only that is.
  void KeepOnly(const std::string& base_digest, const std::string& specialist_digest);
  // The entry of `text`, emptied when it speaks of other chunks.
  MeasuredDomain& Entry(const DomainText& text);
};

std::string FormatMeasuredRow(const MeasuredRow& row);
// INVALID_ARGUMENT JSON_INVALID or MEASUREMENT_INVALID when it is not exactly as above.
absl::StatusOr<MeasuredRow> ParseMeasuredRow(absl::string_view text);

// How a pilot's losses become those of its full run. All changes, its own improvement and what it
// does to the domains of others, are taken to grow by one factor: that of the improvement on its
// own text, (base − own_loss) / (base − measured_loss) of report.json.
struct Growth {
  double factor = 1;
  double relative_error = 0;  // of the factor: standard error of the extrapolated improvement
};

// 1 for whole runs, and for pilots whose curve was not extrapolated. FAILED_PRECONDITION
// PILOT_NOT_EXTRAPOLATED when the pilot or its full run does not improve on the base, when the
// factor is above 10, or when the report does not say what the pilot itself reached.
absl::StatusOr<Growth> GrowthOf(const TrainingReport& report);

// The entries that are measured, by domain. PILOT_NOT_EXTRAPOLATED when a loss would grow to 0 or
// less.
absl::StatusOr<std::vector<v1::DomainLosses>> ReportedRow(const MeasuredRow& row,
                                                          const Growth& growth);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_PREDICTION_MEASURED_ROW_H_

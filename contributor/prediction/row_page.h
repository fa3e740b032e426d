// A member's row of the loss matrix for a person and for a program. Pure.
#ifndef KALAVAI_CONTRIBUTOR_PREDICTION_ROW_PAGE_H_
#define KALAVAI_CONTRIBUTOR_PREDICTION_ROW_PAGE_H_

#include <string>
#include <vector>

#include "nlohmann/json.hpp"

#include "contributor/prediction/measured_row.h"
#include "contributor/prediction/row_measurement.h"
#include "kalavai/v1/prediction.pb.h"

namespace kalavai::contributor {

// What was reported, with what stays here: how many documents were left out, and which domains
// could not be measured.
struct RowReport {
  std::vector<v1::DomainLosses> reported = {};
  MeasuredRow measured = {};
  std::vector<RefusedDomain> refused = {};
  Growth growth = {};
};

// {"row": {DOMAIN: {base_loss, own_loss, change_percent, improvement_standard_error, tokens,
// documents, left_out}}, "row_refused": {DOMAIN: {reason, message}}, "row_growth": of a pilot}.
nlohmann::json RowJson(const RowReport& report);

std::string RowPage(const RowReport& report);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_PREDICTION_ROW_PAGE_H_

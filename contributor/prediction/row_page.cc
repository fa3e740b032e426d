#include "contributor/prediction/row_page.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/forecast/text_table.h"

namespace kalavai::contributor {
namespace {

double ChangePercent(const v1::DomainLosses& losses) {
  return 100 * (losses.own_loss() - losses.base_loss()) / losses.base_loss();
}

const MeasuredDomain& KeptOf(const RowReport& report, const std::string& domain) {
  static const MeasuredDomain kNone;
  const auto found = report.measured.domains.find(domain);
  return found == report.measured.domains.end() ? kNone : found->second;
}

}  // namespace

nlohmann::json RowJson(const RowReport& report) {
  nlohmann::json row = nlohmann::json::object();
  for (const v1::DomainLosses& losses : report.reported) {
    const MeasuredDomain& kept = KeptOf(report, losses.domain());
    row[losses.domain()] = {{"base_loss", losses.base_loss()},
                            {"own_loss", losses.own_loss()},
                            {"change_percent", ChangePercent(losses)},
                            {"improvement_standard_error", losses.improvement_standard_error()},
                            {"tokens", losses.tokens()},
                            {"documents", kept.documents},
                            {"left_out", kept.left_out}};
  }
  nlohmann::json refused = nlohmann::json::object();
  for (const RefusedDomain& domain : report.refused) {
    refused[domain.domain] = {{"reason", GetErrorReason(domain.status)},
                              {"message", std::string(domain.status.message())}};
  }
  nlohmann::json json = {{"row", row}, {"row_refused", refused}};
  if (report.growth.factor != 1) json["row_growth"] = report.growth.factor;
  return json;
}

std::string RowPage(const RowReport& report) {
  std::vector<std::vector<std::string>> rows = {
      {"", "base", "own", "change", "tokens", "left out"}};
  for (const v1::DomainLosses& losses : report.reported) {
    const MeasuredDomain& kept = KeptOf(report, losses.domain());
    rows.push_back(
        {absl::StrCat("  ", losses.domain()), absl::StrFormat("%.4f", losses.base_loss()),
         absl::StrFormat("%.4f", losses.own_loss()),
         absl::StrFormat("%+.2f %%", ChangePercent(losses)), absl::StrCat(losses.tokens()),
         absl::StrCat(kept.left_out, " of ", kept.documents)});
  }
  std::string page = absl::StrCat(
      "\nYour row, nats/token on the launcher's probe text (left out: documents you trained on):\n",
      FormatTable(rows));
  if (report.growth.factor != 1) {
    absl::StrAppendFormat(&page, "  of a pilot: every change taken %.2f times, as its own\n",
                          report.growth.factor);
  }
  for (const RefusedDomain& domain : report.refused) {
    absl::StrAppend(&page, "  not measured: ", domain.status.message(), "\n");
  }
  return page;
}

}  // namespace kalavai::contributor

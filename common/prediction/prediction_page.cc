#include "common/prediction/prediction_page.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/forecast/text_table.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/timestamp.h"

namespace kalavai {
namespace {

std::string Percent(bool present, double value) {
  return present ? absl::StrFormat("%.2f %%", value) : "-";
}

void AppendEstimate(absl::string_view name, const v1::Estimate& estimate, absl::string_view basis,
                    absl::string_view note, std::string* text) {
  absl::StrAppendFormat(text, "  %-10s %6.2f %%  [%.2f, %.2f]%s%s\n", name, estimate.value(),
                        estimate.low(), estimate.high(),
                        name == basis ? "  <- the verdict rests on this" : "", note);
}

std::string Estimates(const v1::Prediction& prediction) {
  std::string text;
  const std::string& basis = prediction.basis();
  if (prediction.has_oracle()) AppendEstimate("oracle", prediction.oracle(), basis, "", &text);
  if (prediction.has_rows()) {
    AppendEstimate("rows", prediction.rows(), basis, "  measured by the members at home", &text);
  }
  if (prediction.has_coverage()) {
    AppendEstimate("coverage", prediction.coverage(), basis, "", &text);
  }
  if (prediction.has_line()) {
    const std::string note =
        absl::StrCat("  ", prediction.calibration(), ", ", prediction.calibration_points(),
                     " points", prediction.outside_fitted_range() ? ", outside their range" : "");
    AppendEstimate("line", prediction.line(), basis, note, &text);
  }
  if (!prediction.rows_note().empty() && !prediction.has_oracle()) {
    absl::StrAppend(&text, "  no estimate from rows: ", prediction.rows_note(), "\n");
  }
  return text;
}

std::string Members(const v1::Prediction& prediction, const std::string& own) {
  std::vector<std::vector<std::string>> rows = {
      {"", "domain", "divergence", "wins over base", "over own", "gain without it"}};
  for (int i = 0; i < prediction.member_values_size(); ++i) {
    const v1::MemberValue& value = prediction.member_values(i);
    const auto name = ParseContributorName(value.contributor());
    std::vector<std::string> row = {
        absl::StrCat(value.contributor() == own ? "* " : "  ",
                     name.ok() ? name->id : value.contributor()),
        "",
        "",
        Percent(true, value.other_domains_percent()),
        Percent(value.has_over_own_percent(), value.over_own_percent()),
        Percent(value.has_gain_without_percent(), value.gain_without_percent())};
    if (i < prediction.measurements_size()) {
      const v1::Measurement& measured = prediction.measurements(i);
      row[1] = measured.domain();
      row[2] = Percent(measured.base_loss() > 0,
                       100 * (measured.base_loss() - measured.own_loss()) / measured.base_loss());
    }
    rows.push_back(row);
  }
  return FormatTable(rows);
}

// The estimate that the verdict rests on, as it stands in the message.
const v1::Estimate* Basis(const v1::Prediction& prediction) {
  const google::protobuf::FieldDescriptor* const field =
      v1::Prediction::descriptor()->FindFieldByName(prediction.basis());
  const google::protobuf::Reflection& reflection = *v1::Prediction::GetReflection();
  if (field == nullptr || field->message_type() != v1::Estimate::descriptor() ||
      !reflection.HasField(prediction, field)) {
    return nullptr;
  }
  return google::protobuf::DynamicCastToGenerated<v1::Estimate>(
      &reflection.GetMessage(prediction, field));
}

}  // namespace

std::string PredictionListPage(const v1::ListPredictionsResponse& list) {
  if (list.predictions().empty()) return "no prediction yet";
  std::vector<std::vector<std::string>> rows = {
      {"prediction", "time", "verdict", "rests on", "gain", "95 %", "members"}};
  for (const v1::Prediction& prediction : list.predictions()) {
    const v1::Estimate* const basis = Basis(prediction);
    rows.push_back(
        {prediction.name(),
         absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", FromTimestamp(prediction.create_time()),
                          absl::UTCTimeZone()),
         v1::Prediction::Verdict_Name(prediction.verdict()), prediction.basis(),
         Percent(basis != nullptr, basis == nullptr ? 0 : basis->value()),
         basis == nullptr ? "-" : absl::StrFormat("[%.2f, %.2f]", basis->low(), basis->high()),
         absl::StrCat(prediction.measurements_size())});
  }
  return FormatTable(rows);
}

std::string PredictionPage(const v1::Prediction& prediction, const std::string& own) {
  return absl::StrCat(
      v1::Prediction::Verdict_Name(prediction.verdict()), ": ", prediction.reason(), "\n\n",
      absl::StrFormat("Gain over the best single specialist, %d members, mean divergence %.2f %%, "
                      "95 %%:\n",
                      prediction.measurements_size(), prediction.mean_divergence_percent()),
      Estimates(prediction),
      "\nOn the domains of the others (on its own a member wins about nothing):\n",
      Members(prediction, own),
      prediction.name().empty() ? "what if: nothing was stored" : prediction.name());
}

}  // namespace kalavai

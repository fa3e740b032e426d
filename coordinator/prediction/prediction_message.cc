#include "coordinator/prediction/prediction_message.h"

#include <algorithm>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/forecast/forecast_file.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/timestamp.h"

namespace kalavai::coordinator {
namespace {

constexpr double kReportedLossMax = 100;  // nats/token; a uniform guess over 2^32 tokens costs 22
static_assert(limits::kDomainsMax * 256 <= limits::kMessageBytesMax, "a row fits its message");
constexpr size_t kShownBytes = 100;  // of a foreign text, in an error

v1::Estimate EstimateMessage(const Estimate& estimate) {
  v1::Estimate message;
  message.set_value(estimate.gain_percent);
  message.set_low(estimate.interval.low);
  message.set_high(estimate.interval.high);
  return message;
}

v1::Prediction::Verdict VerdictMessage(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGo:
      return v1::Prediction::GO;
    case Verdict::kNoGo:
      return v1::Prediction::NO_GO;
    case Verdict::kUnsure:
      return v1::Prediction::UNSURE;
  }
  return v1::Prediction::VERDICT_UNSPECIFIED;
}

absl::Status Invalid(absl::string_view field, double value, absl::string_view rule) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID",
      {.what = absl::StrCat("measurement.", field, ": ", value, " found; must be ", rule),
       .why = "predictions are computed from these figures",
       .fix = "run 'kalavai train --pilot' again",
       .metadata = {{"field", std::string(field)}}});
}

// Written so that NaN fails. Below kLossMin a percentage of the loss has no meaning, and at last no
// value.
bool IsLoss(double value) { return value >= kLossMin && value <= kReportedLossMax; }
bool IsStandardError(double value) { return value >= 0 && value <= kReportedLossMax; }
constexpr absl::string_view kLossRule = "1e-6 to 100 nats/token";
constexpr absl::string_view kErrorRule = "0 to 100 nats/token";

absl::Status InvalidText(const std::string& field, absl::string_view value,
                         absl::string_view rule) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID",
                   {.what = absl::StrCat("measurement.", field, ": \"",
                                         absl::CHexEscape(value.substr(0, kShownBytes)),
                                         "\" found; must be ", rule),
                    .why = "predictions are computed from these figures",
                    .fix = "run 'kalavai predict --rows' again",
                    .metadata = {{"field", field}}});
}

// The figures of one entry; its domain is checked elsewhere.
absl::Status CheckLosses(const v1::DomainLosses& losses, const std::string& prefix) {
  const auto field = [&](absl::string_view name) { return absl::StrCat(prefix, ".", name); };
  if (!IsLoss(losses.base_loss())) {
    return Invalid(field("base_loss"), losses.base_loss(), kLossRule);
  }
  if (!IsLoss(losses.own_loss())) {
    return Invalid(field("own_loss"), losses.own_loss(), kLossRule);
  }
  if (losses.tokens() <= 0) {
    return Invalid(field("tokens"), static_cast<double>(losses.tokens()), "positive");
  }
  const double error = losses.improvement_standard_error();
  if (!IsStandardError(error)) {
    return Invalid(field("improvement_standard_error"), error, kErrorRule);
  }
  if (!Digest::FromHex(losses.text_sha256()).ok()) {
    return InvalidText(field("text_sha256"), losses.text_sha256(),
                       "64 lower-case hexadecimal digits");
  }
  return absl::OkStatus();
}

absl::Status CheckRow(const v1::Measurement& measurement, const std::vector<std::string>& domains) {
  std::set<std::string> seen;
  for (int i = 0; i < measurement.row_size(); ++i) {
    const v1::DomainLosses& losses = measurement.row(i);
    const std::string prefix = absl::StrCat("row[", i, "]");
    if (std::find(domains.begin(), domains.end(), losses.domain()) == domains.end()) {
      const std::string known = absl::StrJoin(domains, ", ");
      return MakeError(
          absl::StatusCode::kInvalidArgument, "DOMAIN_UNKNOWN",
          {.what = absl::StrCat("measurement.", prefix, ".domain: \"",
                                absl::CHexEscape(losses.domain().substr(0, kShownBytes)),
                                "\" found; must be one of: ", known),
           .why = "a gain is averaged over the charter's domains; a public class is nobody's",
           .fix = "leave it out",
           .metadata = {{"domains", known}}});
    }
    if (!seen.insert(losses.domain()).second) {
      return InvalidText(absl::StrCat(prefix, ".domain"), losses.domain(), "given once");
    }
    RETURN_IF_ERROR(CheckLosses(losses, prefix));
  }
  return absl::OkStatus();
}

}  // namespace

v1::Measurement ToMessage(const MeasurementRow& row) {
  v1::Measurement message;
  message.set_contributor(ContributorName(row.cooperative, row.contributor));
  message.set_domain(row.domain);
  message.set_base_loss(row.base_loss);
  message.set_own_loss(row.own_loss);
  message.set_improvement_standard_error(row.improvement_standard_error);
  message.set_held_out_tokens(row.held_out_tokens);
  message.set_steps(row.steps);
  message.set_pilot(row.pilot);
  *message.mutable_report_time() = ToTimestamp(row.report_time);
  for (const DomainLossesRow& losses : row.row) {
    v1::DomainLosses& added = *message.add_row();
    added.set_domain(losses.domain);
    added.set_base_loss(losses.base_loss);
    added.set_own_loss(losses.own_loss);
    added.set_improvement_standard_error(losses.improvement_standard_error);
    added.set_tokens(losses.tokens);
    added.set_text_sha256(losses.text.Hex());
  }
  return message;
}

std::vector<DomainLossesRow> RowOf(const v1::Measurement& measurement) {
  std::vector<DomainLossesRow> row;
  for (const v1::DomainLosses& losses : measurement.row()) {
    row.push_back({.domain = losses.domain(),
                   .base_loss = losses.base_loss(),
                   .own_loss = losses.own_loss(),
                   .improvement_standard_error = losses.improvement_standard_error(),
                   .tokens = losses.tokens(),
                   .text = Digest::FromHex(losses.text_sha256()).value_or(Digest{})});
  }
  return row;
}

v1::Prediction ToMessage(const Forecast& forecast,
                         const std::vector<MeasurementRow>& measurements) {
  v1::Prediction message;
  message.set_verdict(VerdictMessage(forecast.decision.verdict));
  message.set_reason(forecast.decision.reason);
  message.set_basis(std::string(PredictorName(forecast.decision.predictor)));
  *message.mutable_line() = EstimateMessage(forecast.line.estimate);
  *message.mutable_coverage() = EstimateMessage(forecast.coverage);
  if (forecast.rows.has_value()) *message.mutable_rows() = EstimateMessage(*forecast.rows);
  message.set_rows_note(forecast.rows_note);
  message.set_calibration(forecast.calibration);
  if (forecast.oracle.has_value()) *message.mutable_oracle() = EstimateMessage(*forecast.oracle);
  message.set_mean_divergence_percent(forecast.mean_divergence_percent);
  message.set_outside_fitted_range(!forecast.line.in_range);
  message.set_calibration_points(forecast.calibration_points);
  for (const MeasurementRow& row : measurements) {
    v1::Measurement& measurement = *message.add_measurements();
    measurement = ToMessage(row);
    measurement.clear_row();
  }
  for (size_t i = 0; i < forecast.members.size(); ++i) {
    v1::MemberValue& value = *message.add_member_values();
    value.set_contributor(
        ContributorName(measurements[i].cooperative, forecast.members[i].contributor));
    const MemberExpectation& member = forecast.members[i];
    value.set_other_domains_percent(member.other_domains_percent);
    if (member.over_own_percent.has_value()) value.set_over_own_percent(*member.over_own_percent);
    if (member.gain_without_percent.has_value()) {
      value.set_gain_without_percent(*member.gain_without_percent);
    }
  }
  return message;
}

absl::Status CheckMeasurement(const v1::Measurement& measurement,
                              const std::vector<std::string>& domains) {
  if (!IsLoss(measurement.base_loss())) {
    return Invalid("base_loss", measurement.base_loss(), kLossRule);
  }
  if (!IsLoss(measurement.own_loss())) {
    return Invalid("own_loss", measurement.own_loss(), kLossRule);
  }
  const double error = measurement.improvement_standard_error();
  if (!IsStandardError(error)) return Invalid("improvement_standard_error", error, kErrorRule);
  if (measurement.held_out_tokens() <= 0) {
    return Invalid("held_out_tokens", static_cast<double>(measurement.held_out_tokens()),
                   "positive");
  }
  if (measurement.steps() < 0) {
    return Invalid("steps", static_cast<double>(measurement.steps()), "0 or more");
  }
  return CheckRow(measurement, domains);
}

}  // namespace kalavai::coordinator

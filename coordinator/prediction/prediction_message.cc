#include "coordinator/prediction/prediction_message.h"

#include <cmath>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/timestamp.h"

namespace kalavai::coordinator {
namespace {

constexpr double kReportedLossMax = 100;  // nats/token; a uniform guess over 2^32 tokens costs 22

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
  if (row.public_base_loss.has_value()) message.set_public_base_loss(*row.public_base_loss);
  if (row.public_own_loss.has_value()) message.set_public_own_loss(*row.public_own_loss);
  return message;
}

v1::Prediction ToMessage(const Forecast& forecast,
                         const std::vector<MeasurementRow>& measurements) {
  v1::Prediction message;
  message.set_verdict(VerdictMessage(forecast.decision.verdict));
  message.set_reason(forecast.decision.reason);
  message.set_basis(std::string(PredictorName(forecast.decision.predictor)));
  *message.mutable_line() = EstimateMessage(forecast.line.estimate);
  *message.mutable_coverage() = EstimateMessage(forecast.coverage);
  if (forecast.coverage_with_transfer.has_value()) {
    *message.mutable_coverage_with_transfer() = EstimateMessage(*forecast.coverage_with_transfer);
  }
  message.set_calibration(forecast.calibration);
  if (forecast.oracle.has_value()) *message.mutable_oracle() = EstimateMessage(*forecast.oracle);
  message.set_mean_divergence_percent(forecast.mean_divergence_percent);
  message.set_outside_fitted_range(!forecast.line.in_range);
  message.set_calibration_points(forecast.calibration_points);
  for (const MeasurementRow& row : measurements) *message.add_measurements() = ToMessage(row);
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

absl::Status CheckMeasurement(const v1::Measurement& measurement) {
  // Written so that NaN fails.
  const auto is_loss = [](double value) { return value > 0 && value <= kReportedLossMax; };
  constexpr absl::string_view kLossRule = "above 0 and at most 100 nats/token";
  if (!is_loss(measurement.base_loss())) {
    return Invalid("base_loss", measurement.base_loss(), kLossRule);
  }
  if (!is_loss(measurement.own_loss())) {
    return Invalid("own_loss", measurement.own_loss(), kLossRule);
  }
  if (measurement.has_public_base_loss() != measurement.has_public_own_loss()) {
    return Invalid("public_base_loss", measurement.public_base_loss(),
                   "given together with public_own_loss");
  }
  if (measurement.has_public_base_loss() && !is_loss(measurement.public_base_loss())) {
    return Invalid("public_base_loss", measurement.public_base_loss(), kLossRule);
  }
  if (measurement.has_public_own_loss() && !is_loss(measurement.public_own_loss())) {
    return Invalid("public_own_loss", measurement.public_own_loss(), kLossRule);
  }
  const double error = measurement.improvement_standard_error();
  if (!(error >= 0 && error <= kReportedLossMax)) {
    return Invalid("improvement_standard_error", error, "0 to 100 nats/token");
  }
  if (measurement.held_out_tokens() <= 0) {
    return Invalid("held_out_tokens", static_cast<double>(measurement.held_out_tokens()),
                   "positive");
  }
  if (measurement.steps() < 0) {
    return Invalid("steps", static_cast<double>(measurement.steps()), "0 or more");
  }
  return absl::OkStatus();
}

}  // namespace kalavai::coordinator

#include "coordinator/server/fusion_results.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/status_macros.h"
#include "common/forecast/loss_matrix.h"
#include "common/prediction/loss_matrix_message.h"
#include "common/rpc/message_limits.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {
namespace {

// The report of a finished fusion; null when it has none.
absl::StatusOr<nlohmann::json> Report(const FusionStore& fusions, const std::string& fusion) {
  ASSIGN_OR_RETURN(const FusionRecord record, fusions.Get(fusion));
  if (!record.figures.has_value()) return nlohmann::json();
  return ReadJson(record.figures->report_json, {.bytes_max = kReportBytesMax});
}

// What only the report knows: the fused model's losses, and which domains are public.
void AddReport(const nlohmann::json& report, v1::LossMatrix& message) {
  std::map<std::string, double> fused;
  const nlohmann::json domains = report.value("domains", nlohmann::json::array());
  for (const nlohmann::json& entry : domains) {
    const absl::StatusOr<std::string> domain = JsonString(entry, "domain");
    if (!domain.ok()) return;
    const absl::StatusOr<bool> is_public = JsonBool(entry, "public");
    if (is_public.ok() && *is_public) message.add_public_domains(*domain);
    const absl::StatusOr<double> loss =
        JsonNumber(entry.value("losses", nlohmann::json::object()), "fused");
    if (loss.ok()) fused[*domain] = *loss;
  }
  for (const std::string& domain : message.domains()) {
    const auto found = fused.find(domain);
    if (found == fused.end()) {
      message.clear_fused_losses();
      return;
    }
    message.add_fused_losses(found->second);
  }
}

absl::StatusOr<v1::LossMatrix> LossMatrixMessage(const FusionStore& fusions,
                                                 const std::string& cooperative) {
  ASSIGN_OR_RETURN(const FusionStore::LatestMatrix latest,
                   fusions.LatestLossMatrix(CooperativeName(cooperative)));
  v1::LossMatrix message;
  message.set_fusion(latest.fusion);
  for (const std::string& domain : latest.losses.domains) message.add_domains(domain);
  for (const int64_t tokens : latest.losses.tokens) message.add_tokens(tokens);
  for (size_t i = 0; i < latest.losses.experts.size(); ++i) {
    const FusionExpert& expert = latest.losses.experts[i];
    v1::LossMatrix::Row& row = *message.add_rows();
    row.set_model(expert.submission.empty() ? "base" : expert.submission);
    row.set_domain(expert.domain);
    row.set_contributor(expert.contributor);
    for (const double loss : latest.losses.loss[i]) row.add_losses(loss);
  }
  ASSIGN_OR_RETURN(const nlohmann::json report, Report(fusions, latest.fusion));
  if (report.is_object()) AddReport(report, message);
  return message;
}

absl::StatusOr<MeasuredOracle> OracleOf(const FusionStore& fusions,
                                        const std::string& cooperative) {
  const absl::StatusOr<FusionStore::LatestMatrix> latest =
      fusions.LatestLossMatrix(CooperativeName(cooperative));
  MeasuredOracle oracle;
  if (GetErrorReason(latest.status()) == "EVALUATION_MISSING") return oracle;
  RETURN_IF_ERROR(latest.status());
  ASSIGN_OR_RETURN(const std::vector<std::string> changed, fusions.ChangedSince(latest->fusion));
  if (!changed.empty()) {
    oracle.note = absl::StrCat("the oracle of ", latest->fusion,
                               " is left out, it was measured before a change of ",
                               absl::StrJoin(changed, ", "));
    return oracle;
  }
  ASSIGN_OR_RETURN(const nlohmann::json report, Report(fusions, latest->fusion));
  const auto predicted = report.find("predicted");
  if (predicted == report.end() || !predicted->contains("oracle")) return oracle;
  const nlohmann::json& figures = predicted->at("oracle");
  if (!figures.is_object()) return oracle;
  Estimate& estimate = oracle.estimate.emplace();
  ASSIGN_OR_RETURN(estimate.gain_percent, JsonNumber(figures, "gain_percent"));
  ASSIGN_OR_RETURN(estimate.interval.low, JsonNumber(figures, "low"));
  ASSIGN_OR_RETURN(estimate.interval.high, JsonNumber(figures, "high"));
  ASSIGN_OR_RETURN(const v1::LossMatrix message, LossMatrixMessage(fusions, cooperative));
  ASSIGN_OR_RETURN(const ForecastFile measured, ReadLossMatrix(message));
  oracle.over_base_percent = OracleOverBasePercent(measured.matrix);
  for (const v1::LossMatrix::Row& row : message.rows()) {
    if (!row.contributor().empty()) oracle.contributors.push_back(row.contributor());
  }
  return oracle;
}

absl::StatusOr<std::vector<CalibrationPoint>> FinishedPoints(const FusionStore& fusions) {
  ASSIGN_OR_RETURN(const std::vector<FinishedFusion> finished, fusions.ListFinished());
  std::vector<CalibrationPoint> points;
  for (const FinishedFusion& fusion : finished) {
    points.push_back({.source = fusion.name,
                      .specialists = static_cast<int>(fusion.specialists),
                      .divergence_percent = fusion.divergence_percent,
                      .gain_percent = fusion.gain_percent});
  }
  return points;
}

}  // namespace

FusionResults ResultsOf(const FusionStore& fusions) {
  return {.loss_matrix =
              [&fusions](const std::string& cooperative) {
                return LossMatrixMessage(fusions, cooperative);
              },
          .oracle =
              [&fusions](const std::string& cooperative) { return OracleOf(fusions, cooperative); },
          .finished = [&fusions] { return FinishedPoints(fusions); }};
}

}  // namespace kalavai::coordinator

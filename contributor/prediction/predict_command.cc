#include "contributor/prediction/predict_command.h"

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <CLI/CLI.hpp>

#include "common/base/status_macros.h"
#include "common/prediction/offline_forecast.h"
#include "common/prediction/verdict_check.h"
#include "common/rpc/retry.h"
#include "contributor/coordinator_connection.h"
#include "contributor/egress_receipt.h"
#include "contributor/workspace.h"
#include "kalavai/v1/prediction.grpc.pb.h"

namespace kalavai::contributor {
namespace {

using Stub = v1::PredictionService::Stub;

struct Flags {
  std::string workspace;
  bool check = false;
  std::optional<std::string> offline = {};
  std::string calibration = "published6";
};

absl::Status ReportMeasurement(const Workspace& workspace, const CoordinatorConnection& coordinator,
                               Stub& stub) {
  ASSIGN_OR_RETURN(const TrainingReport report, workspace.LoadTrainingReport());
  v1::ReportMeasurementRequest request;
  request.set_parent(coordinator.membership.cooperative);
  v1::Measurement* const measurement = request.mutable_measurement();
  measurement->set_contributor(coordinator.membership.contributor);
  measurement->set_domain(coordinator.membership.domain);
  measurement->set_base_loss(report.base_loss);
  measurement->set_own_loss(report.own_loss);
  measurement->set_held_out_tokens(report.held_out_tokens);
  measurement->set_steps(report.steps);
  measurement->set_pilot(report.pilot);
  const std::string bytes = request.SerializeAsString();
  RETURN_IF_ERROR(SaveEgressReceipt(workspace, coordinator.membership,
                                    {.act = "predict",
                                     .subject = coordinator.membership.contributor,
                                     .items = {{"measurement", static_cast<int64_t>(bytes.size()),
                                                Sha256Of(bytes)}}})
                      .status());
  return CallUnary(coordinator.address(), stub, &Stub::ReportMeasurement, request).status();
}

nlohmann::json EstimateJson(const v1::Estimate& estimate) {
  return {{"value", estimate.value()}, {"low", estimate.low()}, {"high", estimate.high()}};
}

nlohmann::json ToJson(const v1::Prediction& prediction, const std::string& contributor) {
  nlohmann::json json = {{"name", prediction.name()},
                         {"verdict", v1::Prediction::Verdict_Name(prediction.verdict())},
                         {"reason", prediction.reason()},
                         {"basis", prediction.basis()},
                         {"mean_divergence_percent", prediction.mean_divergence_percent()},
                         {"outside_fitted_range", prediction.outside_fitted_range()},
                         {"calibration_points", prediction.calibration_points()},
                         {"members", prediction.measurements_size()}};
  if (prediction.has_line()) json["line"] = EstimateJson(prediction.line());
  if (prediction.has_coverage()) json["coverage"] = EstimateJson(prediction.coverage());
  if (prediction.has_oracle()) json["oracle"] = EstimateJson(prediction.oracle());
  for (const v1::MemberValue& value : prediction.member_values()) {
    if (value.contributor() != contributor) continue;
    json["own_gain_on_other_domains_percent"] = value.other_domains_percent();
  }
  return json;
}

void AppendEstimate(absl::string_view name, bool present, const v1::Estimate& estimate,
                    absl::string_view basis, std::string* text) {
  if (!present) return;
  absl::StrAppendFormat(text, "  %-9s %6.2f %%  [95 %%: %.2f, %.2f]%s\n", name, estimate.value(),
                        estimate.low(), estimate.high(),
                        name == basis ? "  <- the verdict rests on this" : "");
}

std::string Describe(const v1::Prediction& prediction, const std::string& contributor) {
  std::string text = absl::StrFormat(
      "%s  %s\n  gain over the best single specialist, from %d members, mean "
      "divergence %.2f %%\n",
      v1::Prediction::Verdict_Name(prediction.verdict()), prediction.reason(),
      prediction.measurements_size(), prediction.mean_divergence_percent());
  AppendEstimate("line", prediction.has_line(), prediction.line(), prediction.basis(), &text);
  AppendEstimate("coverage", prediction.has_coverage(), prediction.coverage(), prediction.basis(),
                 &text);
  AppendEstimate("oracle", prediction.has_oracle(), prediction.oracle(), prediction.basis(), &text);
  if (prediction.outside_fitted_range()) {
    absl::StrAppendFormat(&text, "  outside the range of the line's %d calibration points\n",
                          prediction.calibration_points());
  }
  for (const v1::MemberValue& value : prediction.member_values()) {
    if (value.contributor() != contributor) continue;
    absl::StrAppendFormat(&text,
                          "  you: about nothing on your own domain, %.2f %% lower loss on the "
                          "domains of the others\n",
                          value.other_domains_percent());
  }
  absl::StrAppend(&text, "  ", prediction.name(), "\nnext: ",
                  prediction.verdict() == v1::Prediction::NO_GO ? "nothing, or more text"
                                                                : "kalavai train --data FILE");
  return text;
}

absl::Status Predict(const Flags& flags, Console& console) {
  if (flags.offline.has_value()) {
    return PredictOffline(
        {.file = *flags.offline, .calibration = flags.calibration, .check = flags.check}, console);
  }
  const Workspace workspace(flags.workspace);
  ASSIGN_OR_RETURN(const CoordinatorConnection coordinator, Connect(workspace));
  const auto stub = v1::PredictionService::NewStub(coordinator.channel);
  RETURN_IF_ERROR(ReportMeasurement(workspace, coordinator, *stub));
  v1::CreatePredictionRequest request;
  request.set_parent(coordinator.membership.cooperative);
  ASSIGN_OR_RETURN(const v1::Prediction prediction,
                   CallUnary(coordinator.address(), *stub, &Stub::CreatePrediction, request));
  const std::string& own = coordinator.membership.contributor;
  console.Result(ToJson(prediction, own), Describe(prediction, own));
  if (!flags.check) return absl::OkStatus();
  return RequireGo(v1::Prediction::Verdict_Name(prediction.verdict()), prediction.reason());
}

}  // namespace

Command MakePredictCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "predict",
          .summary = "is it worth it? two measured losses in, an expected gain out",
          .details =
              "  kalavai predict\n  kalavai predict --check && kalavai train --data FILE\n"
              "  kalavai predict --offline losses.json\n\n"
              "A computed NO_GO exits with 0; --check turns NO_GO and UNSURE into 1.\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_flag("--check", flags->check, "exit 1 unless the verdict is GO");
                AddOfflineFlag(app, flags->offline);
                AddCalibrationFlag(app, flags->calibration);
                AddWorkspaceOption(app, &flags->workspace);
              },
          .run = [flags](Console& console) { return Predict(*flags, console); }};
}

}  // namespace kalavai::contributor

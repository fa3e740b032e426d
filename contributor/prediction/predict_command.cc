#include "contributor/prediction/predict_command.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "common/base/status_macros.h"
#include "common/prediction/offline_forecast.h"
#include "common/prediction/prediction_page.h"
#include "common/prediction/verdict_check.h"
#include "common/prediction/what_if_request.h"
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
  std::string calibration = "all";
  std::vector<std::string> without = {};
  std::vector<std::string> planned = {};
  std::optional<std::string> public_losses = {};
};

absl::Status ReportMeasurement(const Flags& flags, const Workspace& workspace,
                               const CoordinatorConnection& coordinator, Stub& stub) {
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
  measurement->set_improvement_standard_error(report.improvement_standard_error);
  if (flags.public_losses.has_value()) {
    RETURN_IF_ERROR(SetPublicLosses(*flags.public_losses, *measurement));
  }
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
                         {"calibration", prediction.calibration()},
                         {"calibration_points", prediction.calibration_points()},
                         {"members", prediction.measurements_size()}};
  if (prediction.has_line()) json["line"] = EstimateJson(prediction.line());
  if (prediction.has_coverage()) json["coverage"] = EstimateJson(prediction.coverage());
  if (prediction.has_coverage_with_transfer()) {
    json["coverage_with_transfer"] = EstimateJson(prediction.coverage_with_transfer());
  }
  if (prediction.has_oracle()) json["oracle"] = EstimateJson(prediction.oracle());
  for (const v1::MemberValue& value : prediction.member_values()) {
    if (value.contributor() != contributor) continue;
    json["own_gain_on_other_domains_percent"] = value.other_domains_percent();
    if (value.has_over_own_percent()) json["over_own_percent"] = value.over_own_percent();
    if (value.has_gain_without_percent()) {
      json["gain_without_percent"] = value.gain_without_percent();
    }
  }
  return json;
}

absl::StatusOr<v1::Prediction> Ask(const Flags& flags, const Workspace& workspace,
                                   const CoordinatorConnection& coordinator, Stub& stub) {
  const std::string& parent = coordinator.membership.cooperative;
  if (!flags.without.empty() || !flags.planned.empty()) {
    ASSIGN_OR_RETURN(const v1::ForecastWhatIfRequest request,
                     WhatIfRequest(parent, flags.calibration, flags.without, flags.planned));
    return CallUnary(coordinator.address(), stub, &Stub::ForecastWhatIf, request);
  }
  RETURN_IF_ERROR(ReportMeasurement(flags, workspace, coordinator, stub));
  v1::CreatePredictionRequest request;
  request.set_parent(parent);
  request.set_calibration(flags.calibration);
  return CallUnary(coordinator.address(), stub, &Stub::CreatePrediction, request);
}

absl::Status Predict(const Flags& flags, Console& console) {
  if (flags.offline.has_value()) {
    if (flags.public_losses.has_value()) {
      return UsageError("--public-losses is reported to a coordinator; --offline asks none",
                        "leave one of the two out");
    }
    return PredictOffline({.file = *flags.offline,
                           .calibration = flags.calibration,
                           .check = flags.check,
                           .without = flags.without,
                           .planned = flags.planned},
                          console);
  }
  const Workspace workspace(flags.workspace);
  ASSIGN_OR_RETURN(const CoordinatorConnection coordinator, Connect(workspace));
  const auto stub = v1::PredictionService::NewStub(coordinator.channel);
  ASSIGN_OR_RETURN(const v1::Prediction prediction, Ask(flags, workspace, coordinator, *stub));
  const std::string& own = coordinator.membership.contributor;
  console.Result(ToJson(prediction, own), PredictionPage(prediction, own));
  console.Note(prediction.verdict() == v1::Prediction::NO_GO
                   ? "Next: nothing, or more text and members of other domains"
                   : "Next: kalavai train --data FILE");
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
              "  kalavai predict --offline losses.json\n"
              "  kalavai predict --without st-mary --with-planned welsh:5.7:4.4\n\n"
              "A computed NO_GO exits with 0; --check turns NO_GO and UNSURE into 1.\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_flag("--check", flags->check, "exit 1 unless the verdict is GO");
                AddOfflineFlag(app, flags->offline);
                AddCalibrationFlag(app, flags->calibration);
                AddWhatIfFlags(app, flags->without, flags->planned);
                app.add_option(
                       "--public-losses", flags->public_losses,
                       "losses of the base and of your specialist on one public text that the "
                       "base was not trained on: how much it forgets or helps elsewhere")
                    ->type_name("BASE:OWN");
                AddWorkspaceOption(app, &flags->workspace);
              },
          .run = [flags](Console& console) { return Predict(*flags, console); }};
}

}  // namespace kalavai::contributor

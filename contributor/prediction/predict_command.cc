#include "contributor/prediction/predict_command.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include <CLI/CLI.hpp>

#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/cli/device_option.h"
#include "common/cli/number_checks.h"
#include "common/model/determinism.h"
#include "common/prediction/offline_forecast.h"
#include "common/prediction/prediction_page.h"
#include "common/prediction/verdict_check.h"
#include "common/prediction/what_if_request.h"
#include "common/probe/probe_text.h"
#include "common/rpc/retry.h"
#include "contributor/coordinator_connection.h"
#include "contributor/egress_receipt.h"
#include "contributor/prediction/row_measurement.h"
#include "contributor/prediction/row_page.h"
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
  bool rows = false;
  int64_t row_chunks = kRowChunks;
  int64_t threads = 0;
  std::string device = "cpu";
};

absl::StatusOr<RowOutcome> MeasureNow(const Flags& flags, const Workspace& workspace,
                                      const CoordinatorConnection& coordinator, Console& console) {
  RETURN_IF_ERROR(SetThreads(flags.threads));
  RowOptions options{.chunks_max = flags.row_chunks};
  ASSIGN_OR_RETURN(options.device, OpenDevice(flags.device));
  std::string name;
  std::optional<Progress> progress;
  options.progress = [&](const std::string& text, int64_t done, int64_t total) -> absl::Status {
    if (Interrupted()) return InterruptedError("run the same command again: it goes on there");
    if (text != name || !progress.has_value()) {
      progress.reset();
      progress.emplace(console, absl::StrCat("Measuring ", text), total, "chunks");
      name = text;
    }
    progress->Update(done);
    return absl::OkStatus();
  };
  return MeasureRow(workspace, coordinator, options);
}

// This member's row: measured now if that was asked for, else as it was measured earlier.
absl::StatusOr<std::optional<RowReport>> RowToReport(const Flags& flags, const Workspace& workspace,
                                                     const CoordinatorConnection& coordinator,
                                                     Console& console) {
  ASSIGN_OR_RETURN(const TrainingReport training, workspace.LoadTrainingReport());
  const absl::StatusOr<Growth> growth = GrowthOf(training);
  RowReport report;
  if (flags.rows) {
    RETURN_IF_ERROR(growth.status());  // before hours of work for nothing
    ASSIGN_OR_RETURN(RowOutcome outcome, MeasureNow(flags, workspace, coordinator, console));
    report.measured = std::move(outcome.row);
    report.refused = std::move(outcome.refused);
  } else {
    ASSIGN_OR_RETURN(std::optional<MeasuredRow> saved, SavedRow(workspace));
    if (!saved.has_value()) return std::nullopt;
    RETURN_IF_ERROR(growth.status());
    report.measured = *std::move(saved);
  }
  report.growth = *growth;
  ASSIGN_OR_RETURN(report.reported, ReportedRow(report.measured, report.growth));
  return report;
}

// How the receipt calls it: numbers, and of which domains.
std::string ItemName(const v1::Measurement& measurement) {
  std::vector<std::string> domains;
  for (const v1::DomainLosses& losses : measurement.row()) domains.push_back(losses.domain());
  if (domains.empty()) return "measurement";
  return absl::StrCat("measurement with losses on ", absl::StrJoin(domains, ", "));
}

absl::Status ReportMeasurement(const Workspace& workspace, const CoordinatorConnection& coordinator,
                               const std::optional<RowReport>& row, Stub& stub) {
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
  if (row.has_value()) {
    for (const v1::DomainLosses& losses : row->reported) *measurement->add_row() = losses;
  }
  const std::string bytes = request.SerializeAsString();
  RETURN_IF_ERROR(
      SaveEgressReceipt(workspace, coordinator.membership,
                        {.act = "predict",
                         .subject = coordinator.membership.contributor,
                         .items = {{ItemName(*measurement), static_cast<int64_t>(bytes.size()),
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
  if (prediction.has_rows()) json["rows"] = EstimateJson(prediction.rows());
  if (!prediction.rows_note().empty()) json["rows_note"] = prediction.rows_note();
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
                                   const CoordinatorConnection& coordinator, Console& console,
                                   std::optional<RowReport>& row) {
  const auto stub = v1::PredictionService::NewStub(coordinator.channel);
  const std::string& parent = coordinator.membership.cooperative;
  if (!flags.without.empty() || !flags.planned.empty()) {
    ASSIGN_OR_RETURN(const v1::ForecastWhatIfRequest request,
                     WhatIfRequest(parent, flags.calibration, flags.without, flags.planned));
    return CallUnary(coordinator.address(), *stub, &Stub::ForecastWhatIf, request);
  }
  ASSIGN_OR_RETURN(row, RowToReport(flags, workspace, coordinator, console));
  RETURN_IF_ERROR(ReportMeasurement(workspace, coordinator, row, *stub));
  v1::CreatePredictionRequest request;
  request.set_parent(parent);
  request.set_calibration(flags.calibration);
  return CallUnary(coordinator.address(), *stub, &Stub::CreatePrediction, request);
}

absl::Status Predict(const Flags& flags, Console& console) {
  if (flags.rows &&
      (flags.offline.has_value() || !flags.without.empty() || !flags.planned.empty())) {
    return UsageError("--rows measures and reports; --offline and questions report nothing",
                      "run 'kalavai predict --rows' alone, then ask");
  }
  if (flags.offline.has_value()) {
    return PredictOffline({.file = *flags.offline,
                           .calibration = flags.calibration,
                           .check = flags.check,
                           .without = flags.without,
                           .planned = flags.planned},
                          console);
  }
  const Workspace workspace(flags.workspace);
  ASSIGN_OR_RETURN(const CoordinatorConnection coordinator, Connect(workspace));
  std::optional<RowReport> row;
  ASSIGN_OR_RETURN(const v1::Prediction prediction,
                   Ask(flags, workspace, coordinator, console, row));
  const std::string& own = coordinator.membership.contributor;
  nlohmann::json json = ToJson(prediction, own);
  std::string page = PredictionPage(prediction, own);
  if (row.has_value()) {
    json.update(RowJson(*row));
    absl::StrAppend(&page, "\n", RowPage(*row));
  }
  console.Result(json, page);
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
          .summary = "is it worth it? measured losses in, an expected gain out",
          .details =
              "  kalavai predict\n  kalavai predict --rows\n  kalavai predict --check && kalavai "
              "train --data FILE\n"
              "  kalavai predict --offline losses.json\n"
              "  kalavai predict --without st-mary --with-planned welsh:5.7:4.4\n\n"
              "Two losses on your own text are reported. With --rows first base and specialist (or "
              "pilot) run\nhere on the launcher's public probe text of every domain: minutes of "
              "CPU, and the estimate is far\nbetter once every member has done it. Documents you "
              "trained on are left out. Only numbers leave;\nthey are kept, sent again by each "
              "'predict', and listed in a receipt.\n\n"
              "A computed NO_GO exits with 0; --check turns NO_GO and UNSURE into 1.\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_flag("--check", flags->check, "exit 1 unless the verdict is GO");
                AddOfflineFlag(app, flags->offline);
                AddCalibrationFlag(app, flags->calibration);
                AddWhatIfFlags(app, flags->without, flags->planned);
                app.add_flag("--rows", flags->rows,
                             "first measure base and specialist on every domain's probe text");
                app.add_option("--row-chunks", flags->row_chunks,
                               "with --rows: at most so many chunks a domain, spread over its text")
                    ->type_name("N")
                    ->check(WholeBetween(kProbeChunksMin, kRowChunksMax))
                    ->capture_default_str();
                app.add_option("--threads", flags->threads, "with --rows; 0: one a core")
                    ->check(WholeBetween(0, limits::kFusionThreadsMax))
                    ->capture_default_str();
                AddDeviceOption(app, &flags->device);
                AddWorkspaceOption(app, &flags->workspace);
              },
          .run = [flags](Console& console) { return Predict(*flags, console); }};
}

}  // namespace kalavai::contributor

#include "coordinator/admin/predict_command.h"

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/prediction/offline_forecast.h"
#include "common/prediction/verdict_check.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/retry.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/message_json.h"
#include "kalavai/v1/prediction.grpc.pb.h"

namespace kalavai::coordinator {
namespace {

struct Flags {
  AdminFlags admin;
  std::string cooperative;
  bool check = false;
  std::optional<std::string> offline = {};
  std::string calibration = "published6";
};

std::string Line(absl::string_view name, const v1::Estimate& estimate, absl::string_view note) {
  return absl::StrFormat("\n  %-9s %6.2f %%  (95 %%: %.2f to %.2f)%s", name, estimate.value(),
                         estimate.low(), estimate.high(), note);
}

std::string Describe(const v1::Prediction& prediction) {
  std::string text =
      absl::StrCat(v1::Prediction::Verdict_Name(prediction.verdict()), ": ", prediction.reason(),
                   "\n  expected gain over the best single specialist:");
  const std::string range =
      absl::StrCat("  ", prediction.calibration_points(), " points",
                   prediction.outside_fitted_range() ? ", outside the fitted range" : "");
  if (prediction.has_oracle()) text += Line("oracle", prediction.oracle(), "");
  if (prediction.has_coverage()) text += Line("coverage", prediction.coverage(), "");
  if (prediction.has_line()) text += Line("line", prediction.line(), range);
  absl::StrAppendFormat(&text, "\n  mean divergence %.2f %% over %d members",
                        prediction.mean_divergence_percent(), prediction.measurements_size());
  for (const v1::MemberValue& member : prediction.member_values()) {
    absl::StrAppendFormat(&text, "\n  %s wins %.2f %% on the others' domains", member.contributor(),
                          member.other_domains_percent());
  }
  return text;
}

absl::Status Predict(const Flags& flags, Console& console) {
  if (flags.offline.has_value()) {
    return PredictOffline(
        {.file = *flags.offline, .calibration = flags.calibration, .check = flags.check}, console);
  }
  RETURN_IF_ERROR(RequireCooperativeOrFile(flags.cooperative));
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::PredictionService::NewStub(connection.channel);
  v1::CreatePredictionRequest request;
  request.set_parent(CooperativeName(flags.cooperative));
  ASSIGN_OR_RETURN(const v1::Prediction prediction,
                   CallUnary(connection.address, *stub,
                             &v1::PredictionService::Stub::CreatePrediction, request));
  console.Result(MessageJson(prediction), Describe(prediction));
  if (flags.check) {
    RETURN_IF_ERROR(
        RequireGo(v1::Prediction::Verdict_Name(prediction.verdict()), prediction.reason()));
  }
  console.Note(absl::StrCat("Next: kalavai-coordinator fuse --cooperative ", flags.cooperative));
  return absl::OkStatus();
}

}  // namespace

Command MakePredictCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "predict",
          .summary = "is the fusion worth its compute? GO, NO_GO or UNSURE, with the reason",
          .details =
              "  kalavai-coordinator predict --cooperative nordic\n"
              "  kalavai-coordinator predict --cooperative nordic --check && "
              "kalavai-coordinator fuse …\n"
              "  kalavai-coordinator predict --offline losses.json\n\n"
              "A computed NO_GO exits with 0; --check turns NO_GO and UNSURE into 1.\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddOptionalCooperativeFlag(app, flags->cooperative);
                AddOfflineFlag(app, flags->offline);
                AddCalibrationFlag(app, flags->calibration);
                app.add_flag("--check", flags->check, "exit with 1 unless the verdict is GO");
              },
          .run = [flags](Console& console) { return Predict(*flags, console); }};
}

}  // namespace kalavai::coordinator

#include "coordinator/admin/predict_command.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/prediction/offline_forecast.h"
#include "common/prediction/prediction_page.h"
#include "common/prediction/verdict_check.h"
#include "common/prediction/what_if_request.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/retry.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/message_json.h"
#include "kalavai/v1/prediction.grpc.pb.h"

namespace kalavai::coordinator {
namespace {

using Stub = v1::PredictionService::Stub;

struct Flags {
  AdminFlags admin;
  std::string cooperative;
  bool check = false;
  std::optional<std::string> offline = {};
  std::string calibration = "all";
  std::vector<std::string> without = {};
  std::vector<std::string> planned = {};
  bool list = false;
};

absl::StatusOr<v1::Prediction> Ask(const Flags& flags, const AdminConnection& connection,
                                   Stub& stub) {
  const std::string parent = CooperativeName(flags.cooperative);
  if (flags.without.empty() && flags.planned.empty()) {
    v1::CreatePredictionRequest request;
    request.set_parent(parent);
    request.set_calibration(flags.calibration);
    return CallUnary(connection.address, stub, &Stub::CreatePrediction, request);
  }
  ASSIGN_OR_RETURN(const v1::ForecastWhatIfRequest request,
                   WhatIfRequest(parent, flags.calibration, flags.without, flags.planned));
  return CallUnary(connection.address, stub, &Stub::ForecastWhatIf, request);
}

// Every prediction that was stored, the oldest first.
absl::Status List(const Flags& flags, Console& console) {
  if (flags.offline.has_value() || flags.check || !flags.without.empty() ||
      !flags.planned.empty()) {
    return UsageError("--list shows what was predicted; it predicts nothing",
                      "leave --offline, --check, --without and --with-planned out");
  }
  RETURN_IF_ERROR(RequireCooperativeOrFile(flags.cooperative));
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::PredictionService::NewStub(connection.channel);
  v1::ListPredictionsRequest request;
  request.set_parent(CooperativeName(flags.cooperative));
  v1::ListPredictionsResponse all;
  do {
    ASSIGN_OR_RETURN(const v1::ListPredictionsResponse page,
                     CallUnary(connection.address, *stub, &Stub::ListPredictions, request));
    all.mutable_predictions()->MergeFrom(page.predictions());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  console.Result(MessageJson(all), PredictionListPage(all));
  return absl::OkStatus();
}

absl::Status Predict(const Flags& flags, Console& console) {
  if (flags.list) return List(flags, console);
  if (flags.offline.has_value()) {
    return PredictOffline({.file = *flags.offline,
                           .calibration = flags.calibration,
                           .check = flags.check,
                           .without = flags.without,
                           .planned = flags.planned},
                          console);
  }
  RETURN_IF_ERROR(RequireCooperativeOrFile(flags.cooperative));
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::PredictionService::NewStub(connection.channel);
  ASSIGN_OR_RETURN(const v1::Prediction prediction, Ask(flags, connection, *stub));
  console.Result(MessageJson(prediction), PredictionPage(prediction, ""));
  if (flags.check) {
    RETURN_IF_ERROR(
        RequireGo(v1::Prediction::Verdict_Name(prediction.verdict()), prediction.reason()));
  }
  // A question is about another cooperative, and what is not worth it is not done.
  if (!prediction.name().empty() && prediction.verdict() != v1::Prediction::NO_GO) {
    console.Note(absl::StrCat("Next: kalavai-coordinator fuse --cooperative ", flags.cooperative));
  }
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
              "  kalavai-coordinator predict --cooperative nordic --list\n"
              "  kalavai-coordinator predict --offline losses.json\n"
              "  kalavai-coordinator predict --cooperative nordic --without st-mary "
              "--with-planned welsh:5.7:4.4\n\n"
              "A computed NO_GO exits with 0; --check turns NO_GO and UNSURE into 1.\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddOptionalCooperativeFlag(app, flags->cooperative);
                AddOfflineFlag(app, flags->offline);
                AddCalibrationFlag(app, flags->calibration);
                AddWhatIfFlags(app, flags->without, flags->planned);
                app.add_flag("--check", flags->check, "exit with 1 unless the verdict is GO");
                app.add_flag("--list", flags->list,
                             "what was predicted so far; stored predictions never change");
              },
          .run = [flags](Console& console) { return Predict(*flags, console); }};
}

}  // namespace kalavai::coordinator

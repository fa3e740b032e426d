#include "coordinator/prediction/prediction_service.h"

#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/json_util.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/sha256.h"
#include "common/forecast/loss_matrix.h"
#include "common/prediction/loss_matrix_message.h"
#include "common/rpc/page_token.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/timestamp.h"
#include "coordinator/prediction/prediction_message.h"
#include "coordinator/unary_handler.h"

namespace kalavai::coordinator {
namespace {

absl::StatusOr<std::string> ToJson(const v1::Prediction& message) {
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json).ok()) {
    return absl::InternalError("a prediction that JSON cannot hold");
  }
  return json;
}

absl::StatusOr<v1::Prediction> FromJson(const std::string& json) {
  v1::Prediction message;
  // Estimates that this version no longer makes stay in the stored text.
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  if (!google::protobuf::util::JsonStringToMessage(json, &message, options).ok()) {
    return absl::InternalError("a stored prediction that is not one");
  }
  return message;
}

// Of a leaf: what may be checked later against what was predicted from it.
nlohmann::json RowJson(const std::vector<DomainLossesRow>& row) {
  nlohmann::json json = nlohmann::json::object();
  for (const DomainLossesRow& losses : row) {
    json[losses.domain] = {{"base_loss", losses.base_loss},
                           {"own_loss", losses.own_loss},
                           {"improvement_standard_error", losses.improvement_standard_error},
                           {"tokens", losses.tokens},
                           {"text_sha256", losses.text.Hex()}};
  }
  return json;
}

// An oracle speaks for the members whose specialists were measured, all that reported among them.
void UseOracle(const MeasuredOracle& oracle, ForecastInput& input) {
  if (!oracle.note.empty()) input.notes.push_back(oracle.note);
  if (!oracle.estimate.has_value()) return;
  const std::set<std::string> measured(oracle.contributors.begin(), oracle.contributors.end());
  std::vector<std::string> without;
  for (const MeasurementRow& row : input.measurements) {
    if (!measured.contains(ContributorName(row.cooperative, row.contributor))) {
      without.push_back(row.contributor);
    }
  }
  if (!without.empty()) {
    input.notes.push_back(absl::StrCat("the oracle is left out, it was measured without ",
                                       absl::StrJoin(without, ", ")));
    return;
  }
  input.oracle = oracle.estimate;
  input.oracle_over_base_percent = oracle.over_base_percent;
}

absl::Status NotEnough(size_t members) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "NOT_ENOUGH_SPECIALISTS",
      {.what = absl::StrCat("active members: ", members, " found; must be at least two"),
       .why = "a fusion mixes specialists of different members",
       .fix = "invite another member: kalavai-coordinator invite"});
}

}  // namespace

absl::Status PredictionService::Report(const v1::ReportMeasurementRequest& request,
                                       const Caller& caller, v1::Measurement& response) {
  ASSIGN_OR_RETURN(const std::string id, ParseCooperativeName(request.parent()));
  RETURN_IF_ERROR(caller.RequireMemberOf(id));
  const v1::Measurement& reported = request.measurement();
  return parts_.database.Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const CooperativeRow cooperative,
                     parts_.cooperatives.GetFor(id, CooperativeAct::kMeasure));
    RETURN_IF_ERROR(CheckMeasurement(reported, cooperative.domains));
    ASSIGN_OR_RETURN(const ContributorRow member,
                     parts_.cooperatives.GetContributor(id, caller.contributor));
    const MeasurementRow row = {.cooperative = id,
                                .contributor = member.id,
                                .domain = member.domain,
                                .base_loss = reported.base_loss(),
                                .own_loss = reported.own_loss(),
                                .improvement_standard_error = reported.improvement_standard_error(),
                                .held_out_tokens = reported.held_out_tokens(),
                                .steps = reported.steps(),
                                .pilot = reported.pilot(),
                                .report_time = parts_.clock.Now(),
                                .row = RowOf(reported)};
    RETURN_IF_ERROR(parts_.predictions.PutMeasurement(row));
    response = ToMessage(row);
    return parts_.audit
        .Append(caller.Name(), "REPORT_MEASUREMENT", caller.Name(),
                {{"base_loss", row.base_loss},
                 {"own_loss", row.own_loss},
                 {"held_out_tokens", row.held_out_tokens},
                 {"steps", row.steps},
                 {"pilot", row.pilot},
                 {"row", RowJson(row.row)}})
        .status();
  });
}

grpc::ServerUnaryReactor* PredictionService::ReportMeasurement(
    grpc::CallbackServerContext* context, const v1::ReportMeasurementRequest* request,
    v1::Measurement* response) {
  return HandleUnary(context, *request, parts_.resolver, "PredictionService/ReportMeasurement",
                     [&](const Caller& caller) { return Report(*request, caller, *response); });
}

absl::StatusOr<ForecastInput> PredictionService::Collect(const CooperativeRow& cooperative) const {
  ASSIGN_OR_RETURN(
      const std::vector<ContributorRow> members,
      parts_.cooperatives.ListContributors(cooperative.id, "", limits::kContributorsMax));
  ForecastInput input;
  input.chunk_tokens = cooperative.chunk_tokens;
  ASSIGN_OR_RETURN(input.measurements, parts_.predictions.ListMeasurements(cooperative.id));
  std::set<std::string> reported;
  for (const MeasurementRow& row : input.measurements) reported.insert(row.contributor);
  std::vector<std::string> missing;
  size_t active = 0;
  for (const ContributorRow& member : members) {
    if (member.state != ContributorState::kActive) continue;
    ++active;
    if (!reported.contains(member.id)) missing.push_back(member.id);
  }
  if (active < 2) return NotEnough(active);
  if (input.measurements.size() < 2) {
    const std::string names = absl::StrJoin(missing, ", ");
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "MEASUREMENTS_MISSING",
        {.what = absl::StrCat("measurements: ", input.measurements.size(),
                              " found; must be at least two; not yet reported: ", names),
         .why = "the gain comes from what members know and others do not",
         .fix = "let these members run: kalavai train --pilot, then kalavai predict",
         .metadata = {{"missing", names}}});
  }
  if (!missing.empty()) {
    input.notes.push_back(absl::StrCat("not yet reported: ", absl::StrJoin(missing, ", ")));
  }
  ASSIGN_OR_RETURN(const std::vector<ProbeTextRow> texts,
                   parts_.cooperatives.ListProbeTexts(cooperative.id));
  for (const ProbeTextRow& text : texts) {
    if (!text.public_class) input.evaluation_domains.push_back(text.domain);
  }
  ASSIGN_OR_RETURN(const MeasuredOracle oracle, parts_.fusions.oracle(cooperative.id));
  UseOracle(oracle, input);
  ASSIGN_OR_RETURN(input.finished_fusions, parts_.fusions.finished());
  return input;
}

absl::Status PredictionService::Predict(const v1::CreatePredictionRequest& request,
                                        const Caller& caller, v1::Prediction& response) {
  ASSIGN_OR_RETURN(const std::string cooperative, ParseCooperativeName(request.parent()));
  RETURN_IF_ERROR(caller.RequireCooperative(cooperative));
  ASSIGN_OR_RETURN(const CooperativeRow row,
                   parts_.cooperatives.GetFor(cooperative, CooperativeAct::kMeasure));
  ASSIGN_OR_RETURN(ForecastInput input, Collect(row));
  if (!request.calibration().empty()) input.calibration = request.calibration();
  ASSIGN_OR_RETURN(const Forecast forecast, ForecastGain(input));
  response = ToMessage(forecast, input.measurements);
  const absl::Time now = parts_.clock.Now();
  *response.mutable_create_time() = ToTimestamp(now);
  return parts_.database.Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::string id, parts_.predictions.NextId(cooperative));
    response.set_name(PredictionName(cooperative, id));
    ASSIGN_OR_RETURN(const std::string body, ToJson(response));
    RETURN_IF_ERROR(parts_.predictions.InsertPrediction(
        {.cooperative = cooperative, .id = id, .body = body, .create_time = now}));
    return parts_.audit
        .Append(caller.Name(), "CREATE_PREDICTION", response.name(),
                {{"verdict", std::string(VerdictName(forecast.decision.verdict))},
                 {"basis", std::string(PredictorName(forecast.decision.predictor))},
                 {"gain_percent", forecast.decision.estimate.gain_percent},
                 {"body_sha256", Sha256Of(body).Hex()}})
        .status();
  });
}

grpc::ServerUnaryReactor* PredictionService::CreatePrediction(
    grpc::CallbackServerContext* context, const v1::CreatePredictionRequest* request,
    v1::Prediction* response) {
  return HandleUnary(context, *request, parts_.resolver, "PredictionService/CreatePrediction",
                     [&](const Caller& caller) { return Predict(*request, caller, *response); });
}

absl::Status PredictionService::WhatIf(const v1::ForecastWhatIfRequest& request,
                                       const Caller& caller, v1::Prediction& response) const {
  ASSIGN_OR_RETURN(const std::string cooperative, ParseCooperativeName(request.parent()));
  RETURN_IF_ERROR(caller.RequireCooperative(cooperative));
  ASSIGN_OR_RETURN(const CooperativeRow row,
                   parts_.cooperatives.GetFor(cooperative, CooperativeAct::kMeasure));
  ASSIGN_OR_RETURN(ForecastInput input, Collect(row));
  if (!request.calibration().empty()) input.calibration = request.calibration();
  std::vector<std::string> without;
  for (const std::string& member : request.without()) {
    const auto name = ParseContributorName(member);
    without.push_back(name.ok() && name->cooperative == cooperative ? name->id : member);
  }
  std::vector<PlannedMember> planned;
  for (const v1::PlannedMember& member : request.planned()) {
    planned.push_back({.domain = member.domain(),
                       .base_loss = member.base_loss(),
                       .own_loss = member.own_loss()});
  }
  ASSIGN_OR_RETURN(const ForecastInput asked, AskWhatIf(input, without, planned));
  ASSIGN_OR_RETURN(const Forecast forecast, ForecastGain(asked));
  response = ToMessage(forecast, asked.measurements);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* PredictionService::ForecastWhatIf(
    grpc::CallbackServerContext* context, const v1::ForecastWhatIfRequest* request,
    v1::Prediction* response) {
  return HandleUnary(context, *request, parts_.resolver, "PredictionService/ForecastWhatIf",
                     [&](const Caller& caller) { return WhatIf(*request, caller, *response); });
}

grpc::ServerUnaryReactor* PredictionService::ListPredictions(
    grpc::CallbackServerContext* context, const v1::ListPredictionsRequest* request,
    v1::ListPredictionsResponse* response) {
  const auto body = [&](const Caller& caller) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string id, ParseCooperativeName(request->parent()));
    RETURN_IF_ERROR(caller.RequireCooperative(id));
    const std::string list = absl::StrCat("ListPredictions ", id);
    ASSIGN_OR_RETURN(const std::string after, ParsePageToken(list, request->page_token()));
    ASSIGN_OR_RETURN(const int64_t count, PageSize(request->page_size()));
    ASSIGN_OR_RETURN(const std::vector<PredictionRow> rows,
                     parts_.predictions.ListPredictions(id, after, count));
    for (const PredictionRow& row : rows) {
      ASSIGN_OR_RETURN(*response->add_predictions(), FromJson(row.body));
    }
    if (static_cast<int64_t>(rows.size()) == count) {
      response->set_next_page_token(FormatPageToken(list, rows.back().id));
    }
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, parts_.resolver, "PredictionService/ListPredictions", body);
}

grpc::ServerUnaryReactor* PredictionService::GetLossMatrix(grpc::CallbackServerContext* context,
                                                           const v1::GetLossMatrixRequest* request,
                                                           v1::LossMatrix* response) {
  const auto body = [&](const Caller& caller) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string id, ParseCooperativeName(request->parent()));
    RETURN_IF_ERROR(caller.RequireCooperative(id));
    RETURN_IF_ERROR(parts_.cooperatives.Get(id).status());
    ASSIGN_OR_RETURN(*response, parts_.fusions.loss_matrix(id));
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, parts_.resolver, "PredictionService/GetLossMatrix", body);
}

}  // namespace kalavai::coordinator

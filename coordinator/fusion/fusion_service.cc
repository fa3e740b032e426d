#include "coordinator/fusion/fusion_service.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/rpc/page_token.h"
#include "common/rpc/resource_name.h"
#include "coordinator/fusion/fusion_watch_stream.h"
#include "coordinator/fusion/reference_model.h"
#include "coordinator/unary_handler.h"

namespace kalavai::coordinator {
namespace {

v1::Fusion::State StateToProto(FusionState state) {
  switch (state) {
    case FusionState::kQueued:
      return v1::Fusion::QUEUED;
    case FusionState::kProbing:
      return v1::Fusion::PROBING;
    case FusionState::kTrainingRouter:
      return v1::Fusion::TRAINING_ROUTER;
    case FusionState::kEvaluating:
      return v1::Fusion::EVALUATING;
    case FusionState::kSucceeded:
      return v1::Fusion::SUCCEEDED;
    case FusionState::kFailed:
      return v1::Fusion::FAILED;
  }
  return v1::Fusion::STATE_UNSPECIFIED;
}

v1::Model::Mixture MixtureToProto(Mixture mixture) {
  return mixture == Mixture::kLogit ? v1::Model::LOGIT : v1::Model::PROBABILITY;
}

absl::StatusOr<Mixture> MixtureOf(const v1::Fusion& fusion) {
  switch (fusion.mixture()) {
    case v1::Model::MIXTURE_UNSPECIFIED:
    case v1::Model::PROBABILITY:
      return Mixture::kProbability;
    case v1::Model::LOGIT:
      return Mixture::kLogit;
    default:  // of a newer client
      return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                       {.what = absl::StrCat("mixture: ", static_cast<int>(fusion.mixture()),
                                             " found; must be PROBABILITY or LOGIT"),
                        .metadata = {{"field", "mixture"}}});
  }
}

void SetTime(absl::Time time, google::protobuf::Timestamp& proto) {
  const int64_t micros = absl::ToUnixMicros(time);
  proto.set_seconds(micros / 1'000'000);
  proto.set_nanos(static_cast<int32_t>(micros % 1'000'000) * 1000);
}

void ModelToProto(const ReleasedModel& released, v1::Model& model) {
  model.set_name(released.name);
  model.set_fusion(released.fusion);
  model.set_state(v1::Model::LOADING);
  model.set_root_digest(released.root_digest.Hex());
  model.set_signature(released.signature);
  model.set_mixture(MixtureToProto(released.mixture));
  for (const ReleasedFile& file : released.files) {
    v1::FileDigest& proto = *model.add_files();
    proto.set_path(file.path);
    proto.set_size_bytes(file.size_bytes);
    proto.set_sha256(file.sha256.Hex());
  }
  for (const FusionExpert& expert : released.experts) {
    v1::ModelExpert& proto = *model.add_experts();
    proto.set_submission(expert.submission.empty() ? "base" : expert.submission);
    proto.set_contributor(expert.contributor);
    proto.set_domain(expert.domain);
    proto.set_root_digest(expert.root_digest.Hex());
  }
  SetTime(released.release_time, *model.mutable_release_time());
}

}  // namespace

v1::Fusion FusionToProto(const FusionRecord& fusion, bool with_report) {
  v1::Fusion proto;
  proto.set_name(fusion.name);
  for (const FusionExpert& expert : fusion.experts) {
    if (!expert.submission.empty()) proto.add_submissions(expert.submission);
  }
  for (const ReferenceModel& reference : fusion.references) {
    v1::ReferenceModel& model = *proto.add_reference_models();
    model.set_label(reference.label);
    model.set_root_digest(reference.root_digest.Hex());  // its directory is nobody else's business
  }
  proto.set_seed(fusion.seed);
  proto.set_steps(static_cast<int32_t>(fusion.steps));
  proto.set_weight_average(fusion.weight_average);
  proto.set_mixture(MixtureToProto(fusion.mixture));
  proto.set_state(StateToProto(fusion.state));
  proto.set_progress_done(fusion.progress.done);
  proto.set_progress_total(fusion.progress.total);
  proto.set_progress_unit(fusion.progress.unit);
  proto.set_failure_reason(fusion.failure_reason);
  proto.set_failure_message(fusion.failure_message);
  SetTime(fusion.create_time, *proto.mutable_create_time());
  if (fusion.end_time.has_value()) SetTime(*fusion.end_time, *proto.mutable_end_time());
  if (!fusion.figures.has_value()) return proto;
  v1::FusionResult& result = *proto.mutable_result();
  result.set_fused_loss(fusion.figures->fused_loss);
  result.set_gain_percent(fusion.figures->gain_percent);
  result.set_oracle_gain_percent(fusion.figures->oracle_gain_percent);
  result.set_oracle_gap_nats(fusion.figures->oracle_gap_nats);
  result.set_router_digest(fusion.figures->router_digest.Hex());
  result.set_guard_met(fusion.figures->guard_met);
  if (!with_report) return proto;
  result.set_report_json(fusion.figures->report_json);
  result.set_report_markdown(fusion.figures->report_markdown);
  return proto;
}

grpc::ServerUnaryReactor* FusionService::CreateFusion(grpc::CallbackServerContext* context,
                                                      const v1::CreateFusionRequest* request,
                                                      v1::Fusion* response) {
  if (request->fusion().reference_models_size() > 0) {
    return CreateOnWorker(context, request, response);
  }
  return HandleUnary(
      context, *request, dependencies_.resolver, "FusionService/CreateFusion",
      [&](const Caller& caller) -> absl::Status { return Create(caller, *request, *response); });
}

// Hashing the reference models takes as long as reading them.
grpc::ServerUnaryReactor* FusionService::CreateOnWorker(grpc::CallbackServerContext* context,
                                                        const v1::CreateFusionRequest* request,
                                                        v1::Fusion* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  auto log = std::make_shared<RequestLog>("FusionService/CreateFusion");
  const auto allowed = [&]() -> absl::StatusOr<Caller> {
    ASSIGN_OR_RETURN(Caller caller, dependencies_.resolver.Resolve(*context, *request));
    log->SetCaller(caller);
    RETURN_IF_ERROR(caller.RequireAdministrator());
    return caller;
  }();
  absl::Status status = allowed.status();
  if (status.ok()) {
    // request and response live until the reactor finishes.
    status = dependencies_.workers.Add([=, this, caller = *allowed] {
      reactor->Finish(log->End(Create(caller, *request, *response)));
    });
  }
  if (!status.ok()) reactor->Finish(log->End(status));
  return reactor;
}

absl::StatusOr<std::vector<ReferenceModel>> FusionService::CheckedReferences(
    const std::string& cooperative, const v1::Fusion& wanted) const {
  std::vector<ReferenceModel> wished;
  for (const v1::ReferenceModel& model : wanted.reference_models()) {
    wished.push_back({.label = model.label(), .directory = model.directory(), .root_digest = {}});
  }
  if (wished.empty()) return wished;
  ASSIGN_OR_RETURN(const CheckpointRow base,
                   dependencies_.sources.checkpoints.GetBase(cooperative));
  return CheckReferenceModels(dependencies_.blobs, base, std::move(wished));
}

absl::Status FusionService::Create(const Caller& caller, const v1::CreateFusionRequest& request,
                                   v1::Fusion& response) {
  RETURN_IF_ERROR(caller.RequireAdministrator());
  ASSIGN_OR_RETURN(const std::string cooperative, ParseCooperativeName(request.parent()));
  const v1::Fusion& wanted = request.fusion();
  ASSIGN_OR_RETURN(const Mixture mixture, MixtureOf(wanted));
  ASSIGN_OR_RETURN(const std::vector<ReferenceModel> references,
                   CheckedReferences(cooperative, wanted));
  const absl::StatusOr<FusionRecord> started = dependencies_.starter.Start(
      {.wish = {.cooperative = cooperative,
                .submissions = {wanted.submissions().begin(), wanted.submissions().end()},
                .seed = wanted.seed(),
                .steps = wanted.steps() == 0 ? limits::kFusionStepsDefault : wanted.steps(),
                .threads = dependencies_.threads,
                .mixture = mixture,
                .references = references},
       .id = request.fusion_id(),
       .weight_average = wanted.weight_average(),
       .validate_only = request.validate_only(),
       .actor = caller.Name()});
  RETURN_IF_ERROR(started.status());
  response = FusionToProto(*started, /*with_report=*/false);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* FusionService::GetFusion(grpc::CallbackServerContext* context,
                                                   const v1::GetFusionRequest* request,
                                                   v1::Fusion* response) {
  return HandleUnary(context, *request, dependencies_.resolver, "FusionService/GetFusion",
                     [&](const Caller& caller) -> absl::Status {
                       ASSIGN_OR_RETURN(const ChildName name, ParseFusionName(request->name()));
                       RETURN_IF_ERROR(caller.RequireCooperative(name.cooperative));
                       ASSIGN_OR_RETURN(const FusionRecord fusion,
                                        dependencies_.fusions.Get(request->name()));
                       *response = FusionToProto(fusion, /*with_report=*/true);
                       return absl::OkStatus();
                     });
}

grpc::ServerWriteReactor<v1::Fusion>* FusionService::WatchFusion(
    grpc::CallbackServerContext* context, const v1::GetFusionRequest* request) {
  return StartFusionWatch(*context, dependencies_.resolver, dependencies_.fusions,
                          dependencies_.watch, *request);
}

grpc::ServerUnaryReactor* FusionService::ListFusions(grpc::CallbackServerContext* context,
                                                     const v1::ListFusionsRequest* request,
                                                     v1::ListFusionsResponse* response) {
  return HandleUnary(
      context, *request, dependencies_.resolver, "FusionService/ListFusions",
      [&](const Caller& caller) -> absl::Status {
        ASSIGN_OR_RETURN(const std::string cooperative, ParseCooperativeName(request->parent()));
        RETURN_IF_ERROR(caller.RequireCooperative(cooperative));
        RETURN_IF_ERROR(dependencies_.sources.cooperatives.Get(cooperative).status());
        ASSIGN_OR_RETURN(const int64_t size, PageSize(request->page_size()));
        const std::string selector = absl::StrCat("ListFusions ", request->parent());
        ASSIGN_OR_RETURN(const std::string after, ParsePageToken(selector, request->page_token()));
        ASSIGN_OR_RETURN(const std::vector<FusionRecord> fusions,
                         dependencies_.fusions.List(request->parent(), after, size + 1));
        for (const FusionRecord& fusion : fusions) {
          if (response->fusions_size() == size) {
            response->set_next_page_token(
                FormatPageToken(selector, response->fusions().rbegin()->name()));
            break;
          }
          *response->add_fusions() = FusionToProto(fusion, /*with_report=*/false);
        }
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* FusionService::ReleaseModel(grpc::CallbackServerContext* context,
                                                      const v1::ReleaseModelRequest* request,
                                                      v1::Model* response) {
  return HandleUnary(
      context, *request, dependencies_.resolver, "FusionService/ReleaseModel",
      [&](const Caller& caller) -> absl::Status { return Release(caller, *request, *response); });
}

absl::Status FusionService::Release(const Caller& caller, const v1::ReleaseModelRequest& request,
                                    v1::Model& response) {
  RETURN_IF_ERROR(caller.RequireAdministrator());
  ASSIGN_OR_RETURN(const ChildName fusion, ParseFusionName(request.fusion()));
  RETURN_IF_ERROR(dependencies_.sources.cooperatives.Get(fusion.cooperative).status());
  ASSIGN_OR_RETURN(
      const ReleasedModel released,
      dependencies_.publisher.Publish({.fusion = request.fusion(),
                                       .model_id = request.model_id(),
                                       .acknowledged_reason = request.acknowledged_reason(),
                                       .actor = caller.Name()}));
  ModelToProto(released, response);
  return absl::OkStatus();
}

}  // namespace kalavai::coordinator

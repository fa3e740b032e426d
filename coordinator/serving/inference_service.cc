#include "coordinator/serving/inference_service.h"

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/rpc/page_token.h"
#include "common/rpc/resource_name.h"
#include "coordinator/serving/generation_stream.h"
#include "coordinator/unary_handler.h"

namespace kalavai::coordinator {
namespace {

constexpr double kTemperatureMax = 100;  // of Sampler, too

absl::Status FieldInvalid(absl::string_view field, absl::string_view rule) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
      {.what = absl::StrCat(field, ": ", rule), .metadata = {{"field", std::string(field)}}});
}

v1::Model::State StateToProto(ModelState state) {
  switch (state) {
    case ModelState::kLoading:
      return v1::Model::LOADING;
    case ModelState::kActive:
      return v1::Model::ACTIVE;
    case ModelState::kRetired:
      return v1::Model::RETIRED;
  }
  return v1::Model::STATE_UNSPECIFIED;
}

absl::Status CheckRequest(const v1::GenerateRequest& request) {
  if (static_cast<int64_t>(request.prompt().size()) > limits::kPromptBytesMax) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "PROMPT_TOO_LONG",
        {.what = absl::StrCat("prompt: ", request.prompt().size(), " bytes found; must be at most ",
                              limits::kPromptBytesMax),
         .fix = "shorten the prompt"});
  }
  if (request.prompt().empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "PROMPT_EMPTY",
                     {.what = "prompt: holds no text; must hold some"});
  }
  if (request.output_tokens_max() < 0 || request.output_tokens_max() > limits::kOutputTokensMax) {
    return FieldInvalid(
        "output_tokens_max",
        absl::StrCat(request.output_tokens_max(), " found; must be 0 (the default, ",
                     limits::kOutputTokensDefault, ") to ", limits::kOutputTokensMax));
  }
  // Both written so that NaN fails.
  if (!(request.temperature() >= 0 && request.temperature() <= kTemperatureMax)) {
    return FieldInvalid("temperature", absl::StrCat(request.temperature(), " found; must be 0 to ",
                                                    kTemperatureMax));
  }
  if (!(request.top_p() >= 0 && request.top_p() <= 1)) {
    return FieldInvalid("top_p", absl::StrCat(request.top_p(),
                                              " found; must be above 0 and at most 1, or 0 for 1"));
  }
  if (request.stop_size() > limits::kStopsMax) {
    return FieldInvalid(
        "stop",
        absl::StrCat(request.stop_size(), " strings found; must be at most ", limits::kStopsMax));
  }
  for (const std::string& stop : request.stop()) {
    if (stop.empty() || stop.size() > limits::kStopBytesMax) {
      return FieldInvalid("stop",
                          absl::StrCat("one of ", stop.size(), " bytes found; each must have 1 to ",
                                       limits::kStopBytesMax));
    }
  }
  return absl::OkStatus();
}

void UsageToProto(const ModelRecord& model, const GenerationUsage& usage, v1::Usage& proto) {
  proto.set_prompt_tokens(usage.prompt_tokens);
  proto.set_output_tokens(usage.output_tokens);
  proto.set_model_digest(model.root_digest.Hex());
  for (size_t i = 0; i < model.experts.size(); ++i) {
    v1::ExpertShare& share = *proto.add_experts();
    const absl::StatusOr<ChildName> contributor =
        ParseContributorName(model.experts[i].contributor);
    share.set_expert(contributor.ok() ? contributor->id : "base");
    share.set_domain(model.experts[i].domain);
    share.set_share(usage.expert_share[i]);
    share.set_dropped(usage.dropped[i] != 0);
    if (!share.dropped()) continue;
    LogWarning("Left a specialist out of an answer: its numbers were not finite",
               {{"model", model.name}, {"expert", model.experts[i].submission}});
  }
}

}  // namespace

v1::Model ModelToProto(const ModelRecord& model, const std::vector<uint8_t>& allowed) {
  v1::Model proto;
  proto.set_name(model.name);
  proto.set_fusion(model.fusion);
  proto.set_state(StateToProto(model.state));
  proto.set_state_reason(model.state_reason);
  proto.set_root_digest(model.root_digest.Hex());
  proto.set_signature(model.signature);
  proto.set_mixture(model.mixture == Mixture::kLogit ? v1::Model::LOGIT : v1::Model::PROBABILITY);
  for (const ModelFileRecord& file : model.files) {
    v1::FileDigest& digest = *proto.add_files();
    digest.set_path(file.path);
    digest.set_size_bytes(file.size_bytes);
    digest.set_sha256(file.sha256.Hex());
  }
  for (size_t i = 0; i < model.experts.size(); ++i) {
    const ModelExpertRecord& expert = model.experts[i];
    v1::ModelExpert& expert_proto = *proto.add_experts();
    expert_proto.set_submission(expert.submission.empty() ? "base" : expert.submission);
    expert_proto.set_contributor(expert.contributor);
    expert_proto.set_domain(expert.domain);
    expert_proto.set_root_digest(expert.root_digest.Hex());
    expert_proto.set_masked(allowed[i] == 0);
  }
  const int64_t micros = absl::ToUnixMicros(model.release_time);
  proto.mutable_release_time()->set_seconds(micros / 1'000'000);
  proto.mutable_release_time()->set_nanos(static_cast<int32_t>(micros % 1'000'000) * 1000);
  return proto;
}

absl::StatusOr<ModelRecord> InferenceService::FindModel(const Caller& caller,
                                                        const std::string& name) const {
  if (absl::StrContains(name, "/models/")) {
    ASSIGN_OR_RETURN(const ChildName model, ParseModelName(name));
    RETURN_IF_ERROR(caller.RequireCooperative(model.cooperative));
    return dependencies_.models.Get(name);
  }
  ASSIGN_OR_RETURN(const std::string cooperative, ParseCooperativeName(name));
  RETURN_IF_ERROR(caller.RequireCooperative(cooperative));
  return dependencies_.models.GetNewest(name);
}

absl::StatusOr<InferenceService::Admitted> InferenceService::Admit(
    const Caller& caller, const v1::GenerateRequest& request) const {
  Admitted admitted;
  ASSIGN_OR_RETURN(admitted.model, FindModel(caller, request.model()));
  RETURN_IF_ERROR(CheckRequest(request));
  if (admitted.model.state == ModelState::kRetired) {
    return MakeError(
        absl::StatusCode::kNotFound, "MODEL_NOT_FOUND",
        {.what = absl::StrCat(admitted.model.name, ": is retired; ", admitted.model.state_reason),
         .fix = "ask the newest model: name the cooperative only"});
  }
  GenerationRequest& generation = admitted.request;
  generation.model = admitted.model.name;
  generation.prompt = request.prompt();
  generation.output_tokens_max =
      request.output_tokens_max() == 0 ? limits::kOutputTokensDefault : request.output_tokens_max();
  generation.sampling = {.temperature = request.temperature(),
                         .top_p = request.top_p() > 0 ? request.top_p() : 1.0,
                         .seed = request.seed()};
  generation.stop = {request.stop().begin(), request.stop().end()};
  generation.allowed = [&mask = dependencies_.mask, experts = admitted.model.experts] {
    return mask.Allowed(experts);
  };
  return admitted;
}

grpc::ServerUnaryReactor* InferenceService::Generate(grpc::CallbackServerContext* context,
                                                     const v1::GenerateRequest* request,
                                                     v1::GenerateResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  RequestLog log("InferenceService/Generate");
  const absl::Status started = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const Caller caller, dependencies_.resolver.Resolve(*context, *request));
    log.SetCaller(caller);
    ASSIGN_OR_RETURN(Admitted admitted, Admit(caller, *request));
    admitted.request.on_text = [context, response](absl::string_view text) {
      response->mutable_text()->append(text.data(), text.size());
      return !context->IsCancelled();
    };
    admitted.request.on_done = [reactor, response, log, model = admitted.model](
                                   const absl::StatusOr<GenerationResult>& result) {
      if (result.ok()) {
        response->set_finish_reason(result->finish_reason);
        UsageToProto(model, result->usage, *response->mutable_usage());
      }
      reactor->Finish(log.End(result.status()));
    };
    return dependencies_.engine.Submit(std::move(admitted.request));
  }();
  if (!started.ok()) reactor->Finish(log.End(started));
  return reactor;
}

grpc::ServerWriteReactor<v1::GenerateResponse>* InferenceService::StreamGenerate(
    grpc::CallbackServerContext* context, const v1::GenerateRequest* request) {
  RequestLog log("InferenceService/StreamGenerate");
  const absl::StatusOr<Caller> caller = dependencies_.resolver.Resolve(*context, *request);
  if (caller.ok()) log.SetCaller(*caller);
  const std::shared_ptr<GenerationStream> stream = GenerationStream::Create(std::move(log));
  const absl::Status started = [&]() -> absl::Status {
    RETURN_IF_ERROR(caller.status());
    ASSIGN_OR_RETURN(Admitted admitted, Admit(*caller, *request));
    admitted.request.on_text = [stream](absl::string_view text) { return stream->OnText(text); };
    admitted.request.on_done =
        [stream, model = admitted.model](const absl::StatusOr<GenerationResult>& result) {
          stream->OnResult(result, [&](const GenerationResult& done) {
            v1::GenerateResponse last;
            last.set_finish_reason(done.finish_reason);
            UsageToProto(model, done.usage, *last.mutable_usage());
            return last;
          });
        };
    return dependencies_.engine.Submit(std::move(admitted.request));
  }();
  if (!started.ok()) stream->End(started);
  return stream.get();
}

grpc::ServerUnaryReactor* InferenceService::GetModel(grpc::CallbackServerContext* context,
                                                     const v1::GetModelRequest* request,
                                                     v1::Model* response) {
  return HandleUnary(context, *request, dependencies_.resolver, "InferenceService/GetModel",
                     [&](const Caller& caller) -> absl::Status {
                       ASSIGN_OR_RETURN(const ModelRecord model,
                                        FindModel(caller, request->name()));
                       *response = ModelToProto(model, dependencies_.mask.Allowed(model.experts));
                       return absl::OkStatus();
                     });
}

grpc::ServerUnaryReactor* InferenceService::ListModels(grpc::CallbackServerContext* context,
                                                       const v1::ListModelsRequest* request,
                                                       v1::ListModelsResponse* response) {
  return HandleUnary(
      context, *request, dependencies_.resolver, "InferenceService/ListModels",
      [&](const Caller& caller) -> absl::Status {
        ASSIGN_OR_RETURN(const std::string cooperative, ParseCooperativeName(request->parent()));
        RETURN_IF_ERROR(caller.RequireCooperative(cooperative));
        RETURN_IF_ERROR(dependencies_.cooperatives.Get(cooperative).status());
        ASSIGN_OR_RETURN(const int64_t size, PageSize(request->page_size()));
        const std::string selector = absl::StrCat("ListModels ", request->parent());
        ASSIGN_OR_RETURN(const std::string after, ParsePageToken(selector, request->page_token()));
        ASSIGN_OR_RETURN(const std::vector<ModelRecord> models,
                         dependencies_.models.List(request->parent(), after, size + 1));
        for (const ModelRecord& model : models) {
          if (response->models_size() == size) {
            response->set_next_page_token(
                FormatPageToken(selector, response->models().rbegin()->name()));
            break;
          }
          *response->add_models() = ModelToProto(model, dependencies_.mask.Allowed(model.experts));
        }
        return absl::OkStatus();
      });
}

absl::Status InferenceService::Rollback(const Caller& caller,
                                        const v1::RollbackModelRequest& request,
                                        v1::Model& response) {
  RETURN_IF_ERROR(caller.RequireAdministrator());
  ASSIGN_OR_RETURN(const std::string cooperative, ParseCooperativeName(request.parent()));
  RETURN_IF_ERROR(dependencies_.cooperatives.Get(cooperative).status());
  if (!request.model().empty()) {
    ASSIGN_OR_RETURN(const ChildName name, ParseModelName(request.model()));
    if (name.cooperative != cooperative) {
      return FieldInvalid("model", absl::StrCat("must be one of ", request.parent()));
    }
  }
  if (request.comment().empty() ||
      static_cast<int64_t>(request.comment().size()) > limits::kCommentBytesMax) {
    return FieldInvalid("comment", "must be 1 to 1,000 bytes: who decided and why");
  }
  ASSIGN_OR_RETURN(
      const ModelRecord model,
      dependencies_.loader.Rollback(
          request.parent(), request.model(), [&](const ModelRecord& chosen) {
            return dependencies_.audit
                .Append(caller.Name(), "ROLLBACK_MODEL", chosen.name,
                        {{"root_digest", chosen.root_digest.Hex()}, {"comment", request.comment()}})
                .status();
          }));
  response = ModelToProto(model, dependencies_.mask.Allowed(model.experts));
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* InferenceService::RollbackModel(grpc::CallbackServerContext* context,
                                                          const v1::RollbackModelRequest* request,
                                                          v1::Model* response) {
  return HandleUnary(
      context, *request, dependencies_.resolver, "InferenceService/RollbackModel",
      [&](const Caller& caller) -> absl::Status { return Rollback(caller, *request, *response); });
}

}  // namespace kalavai::coordinator

#include "coordinator/fusion/model_publisher.h"

#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {

absl::StatusOr<ReleasedModel> ModelPublisher::Publish(const PublishRequest& request) const {
  ASSIGN_OR_RETURN(const ChildName fusion_name, ParseFusionName(request.fusion));
  const std::string model_id = request.model_id.empty() ? fusion_name.id : request.model_id;
  RETURN_IF_ERROR(CheckId(model_id, "model_id"));
  if (static_cast<int64_t>(request.acknowledged_reason.size()) > limits::kCommentBytesMax) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
        {.what = absl::StrCat("acknowledged_reason: ", request.acknowledged_reason.size(),
                              " bytes found; must be at most ", limits::kCommentBytesMax),
         .fix = "shorten it",
         .metadata = {{"field", "acknowledged_reason"}}});
  }
  RETURN_IF_ERROR(
      dependencies_.cooperatives.GetFor(fusion_name.cooperative, CooperativeAct::kRelease)
          .status());
  ASSIGN_OR_RETURN(const FusionRecord fusion, dependencies_.fusions.Get(request.fusion));
  RETURN_IF_ERROR(CheckReleasable(fusion, request.acknowledged_reason));
  RETURN_IF_ERROR(RequireMembers(fusion));
  const std::string model = ModelName(fusion_name.cooperative, model_id);
  const std::string directory =
      absl::StrCat(dependencies_.models_directory, "/", fusion_name.cooperative, "/", model_id);
  ReleasedModel released;
  {
    const absl::MutexLock lock(&mutex_);
    // Before anything is written: the directory of a model that exists is never touched.
    ASSIGN_OR_RETURN(const bool exists, dependencies_.on_record(model));
    if (exists) {
      return MakeError(absl::StatusCode::kAlreadyExists, "MODEL_EXISTS",
                       {.what = absl::StrCat("model: ", model, " exists; must be new"),
                        .fix = "choose another id with --model",
                        .metadata = {{"model", model}}});
    }
    absl::StatusOr<ReleasedModel> written =
        WriteRelease(fusion, dependencies_.key,
                     {.name = model,
                      .directory = directory,
                      .router_path = dependencies_.router_path(fusion.name),
                      .acknowledged_reason = request.acknowledged_reason,
                      .now = dependencies_.clock.Now()});
    const absl::Status published =
        written.ok() ? Commit(request, fusion, *written) : written.status();
    if (!published.ok()) {
      // A router that nobody will serve stays nowhere; what cannot be removed, the next start does.
      RemoveUninstalled(directory).IgnoreError();
      RemoveStrayReleases(dependencies_.models_directory, dependencies_.on_record).IgnoreError();
      return published;
    }
    released = *std::move(written);
  }
  dependencies_.activate(model);
  return released;
}

absl::Status ModelPublisher::Commit(const PublishRequest& request, const FusionRecord& fusion,
                                    const ReleasedModel& released) const {
  // The directory takes its place last.
  return dependencies_.database.Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(RequireMembers(fusion));
    RETURN_IF_ERROR(dependencies_.publish(released));
    const absl::StatusOr<int64_t> logged =
        dependencies_.audit.Append(request.actor, "RELEASE_MODEL", released.name,
                                   {{"fusion", fusion.name},
                                    {"root_digest", released.root_digest.Hex()},
                                    {"guard_met", fusion.figures->guard_met},
                                    {"acknowledged_reason", request.acknowledged_reason}});
    RETURN_IF_ERROR(logged.status());
    if (request.within) RETURN_IF_ERROR(request.within(released.name));
    return InstallRelease(released);
  });
}

absl::Status ModelPublisher::RequireMembers(const FusionRecord& fusion) const {
  ASSIGN_OR_RETURN(const bool left, dependencies_.fusions.HasWithdrawn(fusion.name));
  return left ? HasWithdrawnMember(fusion.name) : absl::OkStatus();
}

absl::Status ModelPublisher::RemoveStray() const {
  const absl::MutexLock lock(&mutex_);  // not what is being written
  return RemoveStrayReleases(dependencies_.models_directory, dependencies_.on_record);
}

}  // namespace kalavai::coordinator

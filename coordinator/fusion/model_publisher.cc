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
  const auto require_members = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const bool left, dependencies_.fusions.HasWithdrawn(fusion.name));
    return left ? HasWithdrawnMember(fusion.name) : absl::OkStatus();
  };
  RETURN_IF_ERROR(require_members());
  const std::string model = ModelName(fusion_name.cooperative, model_id);
  ASSIGN_OR_RETURN(ReleasedModel released,
                   WriteRelease(fusion, dependencies_.key,
                                {.name = model,
                                 .directory = absl::StrCat(dependencies_.models_directory, "/",
                                                           fusion_name.cooperative, "/", model_id),
                                 .router_path = dependencies_.router_path(fusion.name),
                                 .acknowledged_reason = request.acknowledged_reason,
                                 .now = dependencies_.clock.Now()}));
  // The directory takes its place last: a model that exists is refused before it is touched.
  const absl::Status published = dependencies_.database.Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(require_members());
    RETURN_IF_ERROR(dependencies_.publish(released));
    const absl::StatusOr<int64_t> logged =
        dependencies_.audit.Append(request.actor, "RELEASE_MODEL", model,
                                   {{"fusion", fusion.name},
                                    {"root_digest", released.root_digest.Hex()},
                                    {"guard_met", fusion.figures->guard_met},
                                    {"acknowledged_reason", request.acknowledged_reason}});
    RETURN_IF_ERROR(logged.status());
    if (request.within) RETURN_IF_ERROR(request.within(model));
    return InstallRelease(released);
  });
  RETURN_IF_ERROR(published);
  dependencies_.activate(model);
  return released;
}

}  // namespace kalavai::coordinator

#include "coordinator/fusion/fusion_starter.h"

#include "absl/strings/str_cat.h"

#include "common/base/status_macros.h"
#include "common/crypto/sha256.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {

absl::StatusOr<FusionRecord> FusionStarter::Start(const StartRequest& request) const {
  const FusionWish& wish = request.wish;
  if (!request.id.empty()) RETURN_IF_ERROR(CheckId(request.id, "fusion_id"));
  ASSIGN_OR_RETURN(const FusionPlan plan, PlanFusion(dependencies_.sources, wish));
  RETURN_IF_ERROR(CheckBytes(dependencies_.blobs, plan));
  FusionRecord record;
  record.cooperative = CooperativeName(wish.cooperative);
  record.seed = wish.seed;
  record.steps = wish.steps;
  record.threads = wish.threads;
  record.weight_average = request.weight_average;
  record.input_json = ReportInputsJson(plan.inputs);
  record.experts = plan.experts;
  record.references = wish.references;
  record.create_time = dependencies_.clock.Now();
  const absl::Status created = dependencies_.database.Transact([&]() -> absl::Status {
    std::string id = request.id;
    if (id.empty()) {
      ASSIGN_OR_RETURN(id, dependencies_.fusions.NextId(record.cooperative));
    }
    record.name = FusionName(wish.cooperative, id);
    if (request.validate_only) return absl::OkStatus();
    RETURN_IF_ERROR(dependencies_.fusions.Create(record));
    nlohmann::json fields = {{"seed", record.seed},
                             {"inputs_digest", Sha256Of(record.input_json).Hex()}};
    if (!request.replaces.empty()) fields["replaces"] = request.replaces;
    RETURN_IF_ERROR(
        dependencies_.audit.Append(request.actor, "CREATE_FUSION", record.name, fields).status());
    return request.within ? request.within(record.name) : absl::OkStatus();
  });
  RETURN_IF_ERROR(created);
  if (!request.validate_only) RETURN_IF_ERROR(dependencies_.worker.Start(record.name));
  return record;
}

}  // namespace kalavai::coordinator

#include "coordinator/server/model_phases.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"
#include "coordinator/fusion/member_traces.h"
#include "coordinator/router_safetensors.h"

namespace kalavai::coordinator {

ModelRecord RecordOf(const ReleasedModel& released) {
  ModelRecord model{.name = released.name,
                    .cooperative = released.cooperative,
                    .fusion = released.fusion,
                    .mixture = released.mixture,
                    .state = ModelState::kLoading,
                    .state_reason = "",
                    .root_digest = released.root_digest,
                    .signature = released.signature,
                    .acknowledged_reason = released.acknowledged_reason,
                    .experts = {},
                    .files = {},
                    .release_time = released.release_time};
  for (const FusionExpert& expert : released.experts) {
    model.experts.push_back({.submission = expert.submission,
                             .contributor = expert.contributor,
                             .domain = expert.domain,
                             .root_digest = expert.root_digest});
  }
  for (const ReleasedFile& file : released.files) {
    model.files.push_back(
        {.path = file.path, .size_bytes = file.size_bytes, .sha256 = file.sha256});
  }
  return model;
}

StartRequest RequestOf(const ReSolve& wish,
                       std::function<absl::Status(const std::string& fusion)> within) {
  return {.wish = {.cooperative = wish.cooperative,
                   .submissions = wish.submissions,
                   .seed = wish.seed,
                   .steps = wish.steps,
                   .threads = wish.threads,
                   .mixture = wish.mixture,
                   .superseded = true},
          .actor = "coordinator",
          .replaces = wish.masked_model,
          .within = std::move(within)};
}

ModelPhases::ModelPhases(const Parts& parts)
    : parts_(parts),
      models_(parts_.database),
      mask_(parts_.cooperatives, parts_.submissions),
      engine_(parts_.threads, parts_.device),
      loader_({.database = parts_.database,
               .models = models_,
               .checkpoints = parts_.checkpoints,
               .submissions = parts_.submissions,
               .mask = mask_,
               .blobs = parts_.blobs,
               .engine = engine_,
               .key = parts_.key.public_key(),
               .models_directory = parts_.models_directory,
               .scratch_directory = absl::StrCat(parts_.fusions_directory, "/serving"),
               .on_retired = [this] { QueueAdvance(); }}),
      worker_({.database = parts_.database,
               .sources = {.cooperatives = parts_.cooperatives,
                           .checkpoints = parts_.checkpoints,
                           .submissions = parts_.submissions},
               .fusions = parts_.fusions,
               .blobs = parts_.blobs,
               .audit = parts_.audit,
               .quarantine = parts_.quarantine,
               .watch = watch_,
               .clock = parts_.clock,
               .device = parts_.device,
               .jobs = parts_.probe_jobs,
               .on_state = parts_.on_fusion_state,
               .on_pass =
                   [this](absl::string_view) {
                     if (parts_.on_fusion_pass) parts_.on_fusion_pass();
                   },
               .on_end = [this](const std::string&) { QueueAdvance(); }},
              parts_.fusions_directory),
      starter_({.database = parts_.database,
                .sources = {.cooperatives = parts_.cooperatives,
                            .checkpoints = parts_.checkpoints,
                            .submissions = parts_.submissions},
                .fusions = parts_.fusions,
                .worker = worker_,
                .audit = parts_.audit,
                .clock = parts_.clock,
                .blobs = parts_.blobs}),
      publisher_(
          {.database = parts_.database,
           .cooperatives = parts_.cooperatives,
           .fusions = parts_.fusions,
           .audit = parts_.audit,
           .key = parts_.key,
           .clock = parts_.clock,
           .models_directory = parts_.models_directory,
           .router_path = [this](absl::string_view fusion) { return worker_.RouterPath(fusion); },
           .publish =
               [this](const ReleasedModel& model) { return loader_.Publish(RecordOf(model)); },
           .activate = [this](const std::string& model) { loader_.Activate(model); },
           .on_record = [this](const std::string& model) { return models_.Exists(model); }}),
      fusion_service_({.sources = {.cooperatives = parts_.cooperatives,
                                   .checkpoints = parts_.checkpoints,
                                   .submissions = parts_.submissions},
                       .fusions = parts_.fusions,
                       .starter = starter_,
                       .publisher = publisher_,
                       .watch = watch_,
                       .resolver = parts_.resolver,
                       .blobs = parts_.blobs,
                       .workers = parts_.workers,
                       .threads = parts_.threads}),
      inference_service_({.cooperatives = parts_.cooperatives,
                          .models = models_,
                          .mask = mask_,
                          .engine = engine_,
                          .resolver = parts_.resolver,
                          .loader = loader_,
                          .audit = parts_.audit}),
      withdrawal_rows_(parts_.database),
      withdrawals_({.database = parts_.database,
                    .blobs = parts_.blobs,
                    .cooperatives = parts_.cooperatives,
                    .submissions = parts_.submissions,
                    .fusions = parts_.fusions,
                    .models = models_,
                    .withdrawals = withdrawal_rows_,
                    .audit = parts_.audit,
                    .log = parts_.log,
                    .key = parts_.key,
                    .clock = parts_.clock},
                   WithdrawalHooks()) {}

ModelPhases::~ModelPhases() { Stop(); }

Withdrawals::Hooks ModelPhases::WithdrawalHooks() {
  return {
      .forget_measurement = parts_.forget_measurement,
      .erase_derived = [this] { return EraseDerived(); },
      .start_fusion = [this](const ReSolve& wish,
                             const std::function<absl::Status(const std::string&)>& within)
          -> absl::Status { return starter_.Start(RequestOf(wish, within)).status(); },
      .release =
          [this](const std::string& fusion,
                 const std::function<absl::Status(const std::string&)>& within) -> absl::Status {
        return publisher_.Publish({.fusion = fusion, .actor = "coordinator", .within = within})
            .status();
      },
      .reload = [this](const std::string& model) { loader_.Activate(model); }};
}

// Routers of models that are served stay: they answer, masked, until another takes their place.
absl::Status ModelPhases::EraseDerived() {
  ASSIGN_OR_RETURN(const std::vector<ModelRecord> served, models_.ListServed());
  std::vector<std::string> kept;
  for (const ModelRecord& model : served) kept.push_back(model.fusion);
  RETURN_IF_ERROR(worker_.EraseWithdrawn(kept));
  RETURN_IF_ERROR(publisher_.RemoveStray());
  ASSIGN_OR_RETURN(const std::vector<ModelRecord> retired, models_.ListRetiredOfWithdrawn());
  RETURN_IF_ERROR(loader_.RemoveMaskedLinks(served));
  RETURN_IF_ERROR(loader_.RemoveMaskedLinks(retired));
  for (const ModelRecord& model : retired) {
    ASSIGN_OR_RETURN(const ChildName name, ParseModelName(model.name));
    RETURN_IF_ERROR(RemoveFile(absl::StrCat(parts_.models_directory, "/", name.cooperative, "/",
                                            name.id, "/", kRouterFile)));
  }
  return absl::OkStatus();
}

absl::Status ModelPhases::FinishWithdrawal() {
  worker_.Recheck();
  const absl::Status erased = withdrawals_.Erase();
  QueueAdvance();
  return erased;
}

void ModelPhases::QueueAdvance() {
  const absl::Status queued = withdrawal_queue_.Add([this] {
    for (const absl::Status& status : {withdrawals_.Erase(), EraseDerived()}) {
      if (!status.ok())
        LogError("Could not erase a member's bytes", {{"error", status.ToString()}});
    }
    withdrawals_.Advance();
  });
  // Full or stopping: what waits, or the next start, does the same.
  static_cast<void>(queued.ok());
}

absl::Status ModelPhases::Start() {
  RETURN_IF_ERROR(worker_.Resume());
  RETURN_IF_ERROR(loader_.LoadAll());
  QueueAdvance();
  return absl::OkStatus();
}

void ModelPhases::Stop() {
  withdrawal_queue_.Stop();
  worker_.Stop();
  engine_.Stop();
}

}  // namespace kalavai::coordinator

#include "coordinator/server/model_phases.h"

#include "absl/strings/str_cat.h"

#include "common/base/status_macros.h"

namespace kalavai::coordinator {

ModelRecord RecordOf(const ReleasedModel& released) {
  ModelRecord model{.name = released.name,
                    .cooperative = released.cooperative,
                    .fusion = released.fusion,
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

ModelPhases::ModelPhases(const Parts& parts)
    : parts_(parts),
      models_(parts_.database),
      mask_(parts_.cooperatives, parts_.submissions),
      engine_(parts_.threads, parts_.device),
      loader_({.models = models_,
               .checkpoints = parts_.checkpoints,
               .submissions = parts_.submissions,
               .mask = mask_,
               .blobs = parts_.blobs,
               .engine = engine_,
               .key = parts_.key.public_key(),
               .models_directory = parts_.models_directory,
               .scratch_directory = absl::StrCat(parts_.fusions_directory, "/serving")}),
      worker_({.database = parts_.database,
               .sources = {.cooperatives = parts_.cooperatives,
                           .checkpoints = parts_.checkpoints,
                           .submissions = parts_.submissions},
               .fusions = parts_.fusions,
               .blobs = parts_.blobs,
               .audit = parts_.audit,
               .watch = watch_,
               .clock = parts_.clock,
               .device = parts_.device,
               .on_state = parts_.on_fusion_state},
              parts_.fusions_directory),
      fusion_service_(
          {.database = parts_.database,
           .sources = {.cooperatives = parts_.cooperatives,
                       .checkpoints = parts_.checkpoints,
                       .submissions = parts_.submissions},
           .fusions = parts_.fusions,
           .worker = worker_,
           .watch = watch_,
           .audit = parts_.audit,
           .resolver = parts_.resolver,
           .key = parts_.key,
           .clock = parts_.clock,
           .blobs = parts_.blobs,
           .workers = parts_.workers,
           .models_directory = parts_.models_directory,
           .threads = parts_.threads,
           .publish =
               [this](const ReleasedModel& model) { return loader_.Publish(RecordOf(model)); },
           .activate = [this](const std::string& model) { loader_.Activate(model); }}),
      inference_service_(
          {.models = models_, .mask = mask_, .engine = engine_, .resolver = parts_.resolver}) {}

ModelPhases::~ModelPhases() { Stop(); }

absl::Status ModelPhases::Start() {
  RETURN_IF_ERROR(worker_.Resume());
  return loader_.LoadAll();
}

void ModelPhases::Stop() {
  worker_.Stop();
  engine_.Stop();
}

}  // namespace kalavai::coordinator

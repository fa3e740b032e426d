#include "coordinator/fusion/logit_memory.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/model/model_config.h"
#include "common/probe/logit_pass.h"

namespace kalavai::coordinator {
namespace {

absl::StatusOr<ModelConfig> BaseConfig(const BlobStore& blobs, const FusionPlan& plan) {
  const std::vector<BlobFile>& files = plan.expert_files.at(0);
  const auto found = std::find_if(files.begin(), files.end(),
                                  [](const BlobFile& file) { return file.path == "config.json"; });
  if (found == files.end()) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "CHECKPOINT_INVALID",
        {.what = "base: no config.json; must have one", .fix = "import the base again"});
  }
  ASSIGN_OR_RETURN(const std::string text, blobs.Read(found->digest, 0, limits::kJsonBytesMax));
  return ModelConfig::FromJson(text);
}

double MiB(int64_t bytes) { return static_cast<double>(bytes) / static_cast<double>(limits::kMiB); }

}  // namespace

absl::Status CheckLogitMemory(const BlobStore& blobs, const FusionPlan& plan,
                              std::optional<int64_t> available) {
  if (plan.inputs.mixture != Mixture::kLogit || !available.has_value()) return absl::OkStatus();
  // Specialists have the base's shape: admission compares every tensor's.
  ASSIGN_OR_RETURN(const ModelConfig config, BaseConfig(blobs, plan));
  const auto models = static_cast<int64_t>(plan.experts.size());
  const int64_t needed = LogitPassBytes(config, models, plan.inputs.chunk_tokens);
  if (needed <= *available) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY",
      {.what = absl::StrFormat("memory: a mixture of logits of the base and %d specialists needs "
                               "about %.0f MiB, %.0f MiB are free",
                               models - 1, MiB(needed), MiB(*available)),
       .why = "it is judged with all models in memory at once, 4 bytes a parameter of each",
       .fix = "fuse with --mixture probability, which holds one model at a time, or fewer "
              "specialists (--submission), or free memory and try again",
       .metadata = {{"needed", absl::StrCat(needed)}, {"available", absl::StrCat(*available)}}});
}

}  // namespace kalavai::coordinator

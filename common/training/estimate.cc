#include "common/training/estimate.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <sys/statvfs.h>

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/machine_memory.h"

namespace kalavai {
namespace {

constexpr double kMiBDouble = static_cast<double>(limits::kMiB);

absl::Status Exceeds(absl::string_view reason, absl::string_view what, int64_t needed,
                     int64_t available, std::string fix) {
  return MakeError(
      absl::StatusCode::kResourceExhausted, reason,
      {.what = absl::StrFormat("%s: training needs about %.0f MiB, %.0f MiB are free", what,
                               static_cast<double>(needed) / kMiBDouble,
                               static_cast<double>(available) / kMiBDouble),
       .why = "a run that ends half-way for lack of room has cost its time for nothing",
       .fix = std::move(fix),
       .metadata = {{"needed", absl::StrCat(needed)}, {"available", absl::StrCat(available)}}});
}

}  // namespace

Cost EstimateCost(const ModelConfig& config, const TrainingShape& shape, const RunLength& length) {
  const TrainingEstimate estimate = EstimateTraining(config, shape);
  const double evaluated = static_cast<double>(length.evaluations * length.held_out_chunks) / 3.0;
  const double chunks = static_cast<double>(length.steps * length.batch) + evaluated;
  Cost cost;
  cost.memory_bytes = estimate.memory_bytes + estimate.weight_bytes;
  cost.disk_bytes = estimate.training_state_bytes + 2 * estimate.weight_bytes;
  cost.seconds =
      length.seconds_per_step * chunks / static_cast<double>(std::max<int64_t>(1, length.batch));
  return cost;
}

Resources ReadResources(const std::string& directory) {
  Resources resources = {.memory_bytes = FreeMemory()};
  struct statvfs file_system = {};
  if (statvfs(directory.c_str(), &file_system) == 0) {
    resources.disk_bytes =
        static_cast<int64_t>(file_system.f_bavail) * static_cast<int64_t>(file_system.f_frsize);
  }
  return resources;
}

absl::Status CheckResources(const Cost& cost, const Resources& resources) {
  if (resources.memory_bytes.has_value() && cost.memory_bytes > *resources.memory_bytes) {
    return Exceeds(
        "OUT_OF_MEMORY", "memory", cost.memory_bytes, *resources.memory_bytes,
        "pass a smaller --micro-batch or --activation-checkpointing, close other programs, "
        "or use a larger machine");
  }
  if (resources.disk_bytes.has_value() && cost.disk_bytes > *resources.disk_bytes) {
    return Exceeds("DISK_FULL", "disk", cost.disk_bytes, *resources.disk_bytes,
                   "free some space, or pass a --workspace on another disk");
  }
  return absl::OkStatus();
}

}  // namespace kalavai

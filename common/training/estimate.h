// What a training run will cost on this machine, said before its first step (design §5).
//
//   const Cost cost = EstimateCost(config, shape, {.steps = …, .seconds_per_step = …});
//   RETURN_IF_ERROR(CheckResources(cost, ReadResources(directory)));
//
// No LibTorch. Pure functions but ReadResources, which asks the operating system. Thread-safe.
#ifndef KALAVAI_COMMON_TRAINING_ESTIMATE_H_
#define KALAVAI_COMMON_TRAINING_ESTIMATE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

#include "common/model/model_config.h"
#include "common/model/model_cost.h"

namespace kalavai {

struct RunLength {
  int64_t steps = 0;        // still to do
  int64_t evaluations = 0;  // of held-out text
  int64_t held_out_chunks = 0;
  int64_t batch = 0;            // chunks a step
  double seconds_per_step = 0;  // measured (common/training/step_speed.h)
};

struct Cost {
  int64_t memory_bytes = 0;  // weights twice (the best are kept), gradients, optimizer, activations
  int64_t disk_bytes = 0;    // training state, twice while it is replaced, and the specialist
  double seconds = 0;        // an evaluated chunk counts as a third of a trained one
};

// What is free; nothing where the system does not say.
struct Resources {
  std::optional<int64_t> memory_bytes = {};  // available, within the control group's limit
  std::optional<int64_t> disk_bytes = {};    // on the file system of the directory
};

Cost EstimateCost(const ModelConfig& config, const TrainingShape& shape, const RunLength& length);

// FreeMemory (common/base/machine_memory.h); statvfs of `directory`.
Resources ReadResources(const std::string& directory);

// RESOURCE_EXHAUSTED: OUT_OF_MEMORY or DISK_FULL when the estimate exceeds what is free (metadata
// `needed`, `available`, bytes).
absl::Status CheckResources(const Cost& cost, const Resources& resources);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TRAINING_ESTIMATE_H_

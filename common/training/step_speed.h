// How long a training step takes here: measured on a throw-away copy before the run.
#ifndef KALAVAI_COMMON_TRAINING_STEP_SPEED_H_
#define KALAVAI_COMMON_TRAINING_STEP_SPEED_H_

#include <cstdint>

#include "absl/status/statusor.h"

#include "common/model/loss.h"
#include "common/model/optimizer_step.h"

namespace kalavai {

// Seconds of one step of `batch` chunks (the first ones of `train`, repeated where there are
// fewer): two steps on a copy of the model, of which the second counts. A `batch` above the
// micro-batch is measured with one micro-batch and scaled. Changes nothing. Errors: those of
// OptimizerStep; RESOURCE_EXHAUSTED OUT_OF_MEMORY when not even one step fits.
absl::StatusOr<double> MeasureStepSeconds(const Transformer& model, ChunkSpan train, int64_t batch,
                                          const OptimizerStep::Options& options);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TRAINING_STEP_SPEED_H_

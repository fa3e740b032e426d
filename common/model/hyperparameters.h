// The settings of a training run, and the learning rate they give. No LibTorch: commands and
// configuration may include this header; common/model/optimizer_step.h does the step.
//
// Source: the paper's runs (linear warm-up over 10 % of the updates, cosine, AdamW with weight
// decay 0.1, clipping at 1.0); betas and float32 master weights are design §5's. Thread-safe:
// values and pure functions. Errors: INVALID_ARGUMENT, HYPERPARAMETERS_INVALID.
#ifndef KALAVAI_COMMON_MODEL_HYPERPARAMETERS_H_
#define KALAVAI_COMMON_MODEL_HYPERPARAMETERS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/model/model_config.h"

namespace kalavai {

// kFloat32; kMixed = float32 master weights, bfloat16 arithmetic in the blocks (weights are cast
// once a step, gradients accumulate in float32); kPure = bfloat16 weights and optimizer states, the
// arithmetic of the paper's runs, in which most updates round away (design §5).
enum class Precision { kFloat32, kMixed, kPure };
// "float32", "bf16", "bf16-pure": the values of --precision.
absl::string_view NameOf(Precision precision);
absl::StatusOr<Precision> PrecisionFromName(absl::string_view name);

struct Hyperparameters {
  double learning_rate = 5e-5;  // the peak
  int64_t warmup_steps = 0;
  int64_t steps = 0;            // length of the whole schedule; > warmup_steps
  double final_fraction = 0.0;  // learning rate at the end / peak
  double weight_decay = 0.1;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double clip = 1.0;  // largest Euclidean norm of the whole gradient; 0: no clipping
  int64_t freeze_depth = 0;
  int64_t micro_batch = 16;  // chunks run at once; a step's chunks are cut into such pieces
};

// HYPERPARAMETERS_INVALID unless every number makes sense for a model of this depth.
absl::Status Validate(const Hyperparameters& hyperparameters, const ModelConfig& config);

// The learning rate of step 0, 1, …: linear warm-up peak·(step+1)/W for step < W, then a cosine
// from the peak at step W towards peak·final_fraction at `steps`; constant after that.
double LearningRate(const Hyperparameters& hyperparameters, int64_t step);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_HYPERPARAMETERS_H_

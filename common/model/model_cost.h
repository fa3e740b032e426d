// What a model costs in memory, disk and arithmetic, estimated from shapes before anything is read.
//
//   const TrainingEstimate cost = EstimateTraining(config, {.batch = 16, .chunk_length = 256});
//
// No LibTorch. Pure functions; the config must be valid.
#ifndef KALAVAI_COMMON_MODEL_MODEL_COST_H_
#define KALAVAI_COMMON_MODEL_MODEL_COST_H_

#include <cstdint>

#include "common/model/model_config.h"

namespace kalavai {

// What one training step works on. `mixed` = float32 master weights, each cast to bfloat16 when
// it is used; `pure` = bfloat16 weights and states only; neither = float32.
struct TrainingShape {
  int64_t batch = 8;           // chunks held at once (a micro-batch, not the accumulated batch)
  int64_t chunk_length = 256;  // T, tokens
  int64_t freeze_depth = 0;
  bool mixed = false;
  bool pure = false;
  bool activation_checkpointing = false;  // common/model/training_pass.h
};

// Bytes, estimated from shapes: exact for weights, gradients and optimizer, within about 30 % for
// activations (allocator and scratch space of the kernels not counted).
struct TrainingEstimate {
  int64_t weight_bytes = 0;
  int64_t gradient_bytes = 0;
  int64_t optimizer_bytes = 0;       // AdamW's m and v
  int64_t activation_bytes = 0;      // kept between forward and backward
  int64_t memory_bytes = 0;          // the sum
  int64_t training_state_bytes = 0;  // on disk: weights, m, v; twice, as replacement is atomic
  double flops_per_token = 0;        // forward and backward
};
TrainingEstimate EstimateTraining(const ModelConfig& config, const TrainingShape& shape);

// Memory to serve one model: weights and a cache of `tokens` positions for `batch` sequences.
struct ServingEstimate {
  int64_t weight_bytes = 0;
  int64_t cache_bytes = 0;
};
ServingEstimate EstimateServing(const ModelConfig& config, WeightType type, int64_t batch,
                                int64_t tokens);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_MODEL_COST_H_

// Goal: estimates of memory, disk and work follow the shapes of every family.
// Method: sums by hand from the number of parameters; comparisons between settings and families.
#include "common/model/model_cost.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

ModelConfig Pythia() {  // pythia-70m
  ModelConfig config = ModelConfig::Defaults(Family::kGptNeox);
  config.vocab_size = 50304;
  config.hidden_size = 512;
  config.layer_count = 6;
  config.head_count = 8;
  config.intermediate_size = 2048;
  return config;
}

TEST_CASE("Estimates grow with what costs memory", "[model]") {
  const ModelConfig config = Pythia();
  const int64_t n = config.ParameterCount();
  const TrainingEstimate full = EstimateTraining(config, {.batch = 8, .chunk_length = 256});
  CHECK(full.weight_bytes == 4 * n);
  CHECK(full.gradient_bytes == 4 * n);
  CHECK(full.optimizer_bytes == 8 * n);
  CHECK(full.training_state_bytes == 2 * 12 * n);
  CHECK(full.memory_bytes ==
        full.weight_bytes + full.gradient_bytes + full.optimizer_bytes + full.activation_bytes);
  const TrainingEstimate frozen =
      EstimateTraining(config, {.batch = 8, .chunk_length = 256, .freeze_depth = 3});
  CHECK(frozen.optimizer_bytes < full.optimizer_bytes);
  CHECK(frozen.flops_per_token < full.flops_per_token);
  const TrainingEstimate mixed =
      EstimateTraining(config, {.batch = 8, .chunk_length = 256, .mixed = true});
  CHECK(mixed.weight_bytes == full.weight_bytes);
  CHECK(mixed.activation_bytes < full.activation_bytes);
  const TrainingEstimate checkpointed = EstimateTraining(
      config, {.batch = 8, .chunk_length = 256, .mixed = true, .activation_checkpointing = true});
  CHECK(checkpointed.activation_bytes < mixed.activation_bytes);
  CHECK(checkpointed.flops_per_token > 1.1 * mixed.flops_per_token);
  CHECK(checkpointed.flops_per_token < 1.34 * mixed.flops_per_token);
  const TrainingEstimate pure =
      EstimateTraining(config, {.batch = 8, .chunk_length = 256, .pure = true});
  CHECK(pure.weight_bytes == 2 * n);
  const ServingEstimate serving = EstimateServing(config, WeightType::kBfloat16, 2, 100);
  CHECK(serving.weight_bytes == 2 * n);
  CHECK(serving.cache_bytes == 2 * 6 * 2 * 100 * 512 * 2);
}

TEST_CASE("Grouped keys cost less cache, and SwiGLU keeps more activations", "[model]") {
  ModelConfig config = ModelConfig::Defaults(Family::kLlama);
  config.vocab_size = 1000;
  config.hidden_size = 512;
  config.layer_count = 6;
  config.head_count = 8;
  config.intermediate_size = 2048;
  const ServingEstimate whole = EstimateServing(config, WeightType::kBfloat16, 1, 100);
  const TrainingEstimate plain = EstimateTraining(config, {});
  config.kv_head_count = 2;
  const ServingEstimate grouped = EstimateServing(config, WeightType::kBfloat16, 1, 100);
  CHECK(4 * grouped.cache_bytes == whole.cache_bytes);
  CHECK(EstimateTraining(config, {}).activation_bytes < plain.activation_bytes);
  ModelConfig neox = Pythia();
  neox.vocab_size = 1000;
  CHECK(EstimateTraining(neox, {}).activation_bytes < plain.activation_bytes);
}

}  // namespace
}  // namespace kalavai

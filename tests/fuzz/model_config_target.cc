#include <string>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/model/model_config.h"
#include "common/model/model_cost.h"
#include "tests/fuzz/fuzz_targets.h"

namespace kalavai::fuzz {

void FuzzModelConfig(absl::string_view input) {
  const auto config = ModelConfig::FromJson(input);
  if (!config.ok()) {
    const std::string reason = GetErrorReason(config.status());
    KALAVAI_CHECK(reason == "JSON_INVALID" || reason == "MODEL_CONFIG_INVALID" ||
                      reason == "MODEL_UNSUPPORTED",
                  "a refusal has its reason");
    return;
  }
  KALAVAI_CHECK(config->Validate().ok(), "what is accepted is valid");
  const std::string text = config->ToJson();
  const auto again = ModelConfig::FromJson(text);
  KALAVAI_CHECK(again.ok() && *again == *config, "written and read again it is the same");
  KALAVAI_CHECK(again->ToJson() == text, "equal configs are equal files");
  KALAVAI_CHECK(config->rotary_size() >= 2 && config->rotary_size() <= config->head_size(),
                "a head rotates a part of itself");
  KALAVAI_CHECK(config->ParameterCount() > config->FrozenParameterCount(config->layer_count),
                "frozen parameters are some of all");
  for (const int64_t freeze_depth : {int64_t{0}, config->layer_count}) {
    const TrainingEstimate cost = EstimateTraining(
        *config, {.batch = 64, .chunk_length = 4096, .freeze_depth = freeze_depth, .mixed = true});
    KALAVAI_CHECK(cost.memory_bytes >= cost.weight_bytes && cost.weight_bytes > 0,
                  "an estimate does not overflow");
  }
  const ServingEstimate serving =
      EstimateServing(*config, config->weight_type, 64, config->context_length);
  KALAVAI_CHECK(serving.weight_bytes > 0 && serving.cache_bytes > 0, "nor does the other");
}

}  // namespace kalavai::fuzz

// One model of a directory goes on with a text: no coordinator, no workspace, no other expert.
//
//   ASSIGN_OR_RETURN(const GeneratedText answer,
//                    GenerateText("base", {.prompt = "Bore da", .tokens_max = 40}));
//
// The prompt is encoded as it stands: no begin-of-text token is added, special tokens in it are
// recognised. Generation ends at any of config.json's `eos_token_id`s (where it names none, at the
// tokenizer's end-of-text token), at a stop string, after `tokens_max` tokens, or when prompt and
// answer fill the model's context. Greedy text in float32 is transformers' `generate`'s.
//
// The same model, prompt, options and seed give the same text (for a thread count). Errors, all
// before memory of the weights' size is asked for: those of OpenModelDirectory; INVALID_ARGUMENT
// PROMPT_EMPTY, TEXT_NOT_UTF8 (byte offset), CONTEXT_EXCEEDED (metadata `actual`, `max`: the prompt
// leaves no room for a token), SAMPLING_INVALID, FIELD_INVALID (`tokens_max` < 1). Then:
// those of LoadTransformer and Forward, WEIGHTS_NOT_FINITE when a prediction is not finite. This
// header names no tensor.
#ifndef KALAVAI_CONTRIBUTOR_INFERENCE_TEXT_GENERATION_H_
#define KALAVAI_CONTRIBUTOR_INFERENCE_TEXT_GENERATION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/model/device.h"
#include "common/model/model_config.h"
#include "common/model/sampler.h"

namespace kalavai::contributor {

struct TextGenerationOptions {
  std::string prompt = {};
  int64_t tokens_max = 128;
  SamplerOptions sampling = {.temperature = 0.0};  // greedy
  std::vector<std::string> stop = {};              // not part of the text
  WeightType type = WeightType::kFloat32;
  Device device = Device::kCpu;  // from OpenDevice
  // Text as it comes, whole characters; a status ends the generation and is returned.
  std::function<absl::Status(absl::string_view)> on_text = {};
};

struct GeneratedText {
  std::string text = {};                // without the prompt, the end token and the stop string
  std::vector<int32_t> token_ids = {};  // every token drawn, the one that ended it included
  std::string finish_reason = {};       // "stop" (an end token or a stop string) or "length"
  int64_t prompt_tokens = 0;
};

absl::StatusOr<GeneratedText> GenerateText(const std::string& directory,
                                           const TextGenerationOptions& options);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_INFERENCE_TEXT_GENERATION_H_

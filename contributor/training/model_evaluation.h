// Losses of models on a member's text: the evaluation protocol of common/model/loss.h, from files.
//
// Every text is evaluated alone, cut into chunks of T tokens, the same batch size for every model;
// losses in nats per token. Weights are computed with in float32. This header names no tensor.
#ifndef KALAVAI_CONTRIBUTOR_TRAINING_MODEL_EVALUATION_H_
#define KALAVAI_CONTRIBUTOR_TRAINING_MODEL_EVALUATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/model/device.h"

namespace kalavai::contributor {

struct NamedText {
  std::string name = {};
  std::vector<std::string> files = {};
};

struct TextLoss {
  std::string name = {};
  double loss = 0;             // nats/token
  double bytes_per_token = 0;  // loss / this = nats/byte: comparable between tokenizers
  int64_t chunks = 0;
  int64_t tokens = 0;  // predicted
};

struct EvaluationOptions {
  int64_t chunk_tokens = 256;
  int64_t chunks_max = 128;      // a text; 0: all of it
  Device device = Device::kCpu;  // from OpenDevice
};

// Losses of the model in `directory` (with its tokenizer.json) on each text, whole texts: nothing
// is held out. Errors: those of ReadDocuments, Tokenizer::Load, LoadTransformer, MeanLoss;
// TOO_LITTLE_TEXT.
absl::StatusOr<std::vector<TextLoss>> EvaluateModel(const std::string& directory,
                                                    const std::vector<NamedText>& texts,
                                                    const EvaluationOptions& options);

struct OwnEvaluation {
  double base_loss = 0;
  double own_loss = 0;
  double divergence_percent = 0;  // 100·(base − own)/base
  double kl_divergence = 0;  // mean per-token KL(specialist ‖ base), nats; never the divergence
  double bytes_per_token = 0;
  int64_t chunks = 0;
  int64_t tokens = 0;
};

// Base and specialist on the held-out part of the member's own text: the very documents that
// `train` kept out.
absl::StatusOr<OwnEvaluation> EvaluateOwn(const std::string& base_directory,
                                          const std::string& specialist_directory,
                                          const std::vector<std::string>& files,
                                          const EvaluationOptions& options);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_TRAINING_MODEL_EVALUATION_H_

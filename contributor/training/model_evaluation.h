// Losses of models on a member's text: the evaluation protocol of common/model/loss.h, from files.
//
// Every text is evaluated alone, cut into chunks of T tokens, the same batch size for every model
// (kEvaluationBatch); losses in nats per token. This header names no tensor.
#ifndef KALAVAI_CONTRIBUTOR_TRAINING_MODEL_EVALUATION_H_
#define KALAVAI_CONTRIBUTOR_TRAINING_MODEL_EVALUATION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/corpus/packing.h"
#include "common/model/device.h"
#include "common/model/model_config.h"
#include "contributor/training/named_text.h"

namespace kalavai::contributor {

struct TextLoss {
  std::string name = {};
  double loss = 0;  // nats/token
  int64_t chunks = 0;
  int64_t tokens = 0;      // predicted: chunks · (T − 1)
  int64_t text_bytes = 0;  // UTF-8 bytes of the text that the chunks' tokens stand for

  double BytesPerToken() const;
  // loss · tokens / ln 2 / text_bytes: comparable between tokenizers. A chunk's first token is
  // text, too, but not predicted, so this is (T − 1)/T of what a model without chunks would need.
  double BitsPerByte() const;
};

// EW: the mean of the losses, every text with the same weight (design §2); `losses` not empty.
double EqualWeightLoss(const std::vector<TextLoss>& losses);

// How a text becomes chunks.
enum class Packing {
  // As training does it: documents without duplicates, in the order of their hashes, each followed
  // by the end-of-text token (common/corpus/packing.h); that token stands for no byte.
  kTraining,
  // As the paper's reference implementation and other programs do it: whole texts, joined by a
  // blank line, encoded at once, no token added (ReferencePacking).
  kReference
};

// T where nothing else is said: the paper's (arXiv 2603.22755, data pipeline).
inline constexpr int64_t kPaperChunkTokens = 512;

struct EvaluationOptions {
  int64_t chunk_tokens = 0;  // T; 0: kPaperChunkTokens, or the model's context when that is less
  int64_t chunks_max = 128;  // a text, spread over it (reference packing: its first); 0: all
  WeightType type = WeightType::kFloat32;
  Packing packing = Packing::kTraining;
  Device device = Device::kCpu;  // from OpenDevice
  // Called before the first batch of a text and after each; a status ends the evaluation and is
  // returned.
  std::function<absl::Status(const std::string& name, int64_t chunks_done, int64_t chunks)>
      progress = {};
};

// Losses of the model in `directory` (with its tokenizer.json) on each text, whole texts: nothing
// is held out. All texts are read and packed before the weights are. Errors: those of
// OpenModelDirectory, ReadDocuments or ReadWholeTexts, LoadTransformer, TokenLogProbs;
// CONTEXT_EXCEEDED (T above the context); TOO_LITTLE_TEXT; WEIGHTS_NOT_FINITE when a loss is not
// finite.
absl::StatusOr<std::vector<TextLoss>> EvaluateModel(const std::string& directory,
                                                    const std::vector<NamedText>& texts,
                                                    const EvaluationOptions& options);

// A text that is chunks already.
struct ChunkedText {
  std::string name = {};
  TokenChunks chunks = {};
};

// Mean loss of every chunk of each text, nats/token. `done` gets a text's index and its losses as
// soon as they are there; a status from it ends the evaluation and is returned. Of the options only
// type, device and progress are read. Errors: those of LoadTransformer and TokenLogProbs;
// CONTEXT_EXCEEDED; WEIGHTS_NOT_FINITE.
using ChunkLossesVisitor = std::function<absl::Status(size_t text, std::vector<double> losses)>;
absl::Status MeasureChunks(const std::string& directory, const std::vector<ChunkedText>& texts,
                           const EvaluationOptions& options, const ChunkLossesVisitor& done);

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

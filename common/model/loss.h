// The evaluation protocol: next-token losses of packed chunks (design §2; paper's corrected
// protocol: every domain alone, the same batch size for every model, no mixed batches).
//
// A chunk is chunk_length = T consecutive token ids; chunks do not see each other. Each gives T − 1
// predictions: position t predicts token t + 1. Losses are in nats per token, natural logarithm,
// float32 log-probabilities summed in float64 in chunk order.
//
// Full logits are never held: they are made for a block of positions at a time.
// Errors: those of Forward; INVALID_ARGUMENT CHUNKS_INVALID when the number of tokens is not a
// positive multiple of chunk_length or chunk_length < 2.
// Reproducible: a chunk's values may depend on the batch size in the last bits, never on its
// neighbours' content. Threads: as Forward.
#ifndef KALAVAI_COMMON_MODEL_LOSS_H_
#define KALAVAI_COMMON_MODEL_LOSS_H_

#include <cstdint>
#include <functional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/model/forward.h"

namespace kalavai {

// n chunks of T tokens, one after the other: tokens.size() = n · T. Does not own them.
struct ChunkSpan {
  std::span<const int32_t> tokens;
  int64_t chunk_length = 0;

  int64_t count() const {
    return chunk_length > 0 ? static_cast<int64_t>(tokens.size()) / chunk_length : 0;
  }
};

// CHUNKS_INVALID unless the tokens make at least one whole chunk of at least 2 tokens.
absl::Status Validate(ChunkSpan chunks);
// Chunks [first, first + count) as int64 [count, T]; `chunks` valid and holding them.
at::Tensor TokensOf(ChunkSpan chunks, int64_t first, int64_t count);

inline constexpr int64_t kEvaluationBatch = 8;  // chunks run at once, for every model alike

// Mean cross-entropy over all n · (T − 1) predictions: L[m][d] of the design.
absl::StatusOr<double> MeanLoss(const Transformer& model, ChunkSpan chunks,
                                int64_t batch = kEvaluationBatch);

// What one batch of `chunk_count` chunks gave; the spans live until the visitor returns.
struct TokenBatch {
  int64_t first_chunk = 0;
  int64_t chunk_count = 0;
  std::span<const float> log_probs;  // chunk_count × (T − 1): log p of tokens 1 … T−1
  std::span<const float> hidden;     // chunk_count × T × D, after the final norm; or empty
  std::span<const float> trunk;      // chunk_count × T × D, after trunk_depth blocks; or empty
};
using TokenBatchVisitor = std::function<absl::Status(const TokenBatch&)>;

struct TokenLogProbsOptions {
  int64_t batch = kEvaluationBatch;
  bool hidden = false;
  int64_t trunk_depth = -1;  // ≥ 0: also the stream after that many blocks
};

// Visits the batches in order; a status from the visitor ends the pass and is returned.
absl::Status TokenLogProbs(const Transformer& model, ChunkSpan chunks,
                           const TokenLogProbsOptions& options, const TokenBatchVisitor& visitor);

// Mean over predictions of KL(model ‖ reference) = Σ_v p_model (log p_model − log p_reference), in
// nats/token. Reported beside the divergence, never in its place (design §2). Same vocabulary.
absl::StatusOr<double> MeanKlDivergence(const Transformer& model, const Transformer& reference,
                                        ChunkSpan chunks, int64_t batch = kEvaluationBatch);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_LOSS_H_

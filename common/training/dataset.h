// Text files to training chunks and held-out chunks that share no document.
//
//   ASSIGN_OR_RETURN(const Dataset data, BuildDataset(*tokenizer, documents, {.chunk_tokens = T}));
//
// Documents are de-duplicated, split by their hash (90 % train, 10 % held-out) and only then packed
// (design §5), so a held-out document is never seen in training, whichever file or line it came
// from. Each side is ordered by hash and cut at a number of chunks that is never needed twice over:
// the same documents give the same dataset, and a longer run has the shorter one's text as its
// prefix. No LibTorch. Pure functions; the text stays in memory and is not logged.
#ifndef KALAVAI_COMMON_TRAINING_DATASET_H_
#define KALAVAI_COMMON_TRAINING_DATASET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/corpus/documents.h"
#include "common/corpus/packing.h"
#include "common/tokenizer/tokenizer.h"

namespace kalavai {

inline constexpr int64_t kTrainChunksMin = 8;
inline constexpr int64_t kHeldOutChunksMin = 2;
inline constexpr int64_t kTrainChunksFew = 200;   // below: a warning, the specialist will over-fit
inline constexpr int64_t kHeldOutChunksFew = 16;  // below: a warning, the divergence is uncertain

struct DatasetOptions {
  int64_t chunk_tokens = 256;
  int64_t train_chunks_max = 0;       // what the run can read: steps · batch; 0: all
  int64_t held_out_chunks_max = 128;  // 0: all; the paper evaluates on at most 200
};

struct Dataset {
  TokenChunks train = {};
  TokenChunks held_out = {};
  int64_t documents = 0;   // as read
  int64_t duplicates = 0;  // removed
  int64_t train_documents = 0;
  int64_t held_out_documents = 0;
  int64_t bytes = 0;                       // UTF-8, without duplicates
  std::string digest = {};                 // lower-case hex SHA-256 over both sides' tokens
  std::vector<std::string> warnings = {};  // sentences for the reader
};

// Errors: INVALID_ARGUMENT TOO_LITTLE_TEXT (fewer than kTrainChunksMin or kHeldOutChunksMin chunks,
// or than two documents; metadata `side`, `found`, `needed`), those of PackChunks.
absl::StatusOr<Dataset> BuildDataset(const Tokenizer& tokenizer, std::vector<Document> documents,
                                     const DatasetOptions& options);

// The held-out side alone is the whole text: for measuring a model on text nobody trains on. One
// chunk is enough; TOO_LITTLE_TEXT for less.
absl::StatusOr<TokenChunks> BuildEvaluationChunks(const Tokenizer& tokenizer,
                                                  std::vector<Document> documents,
                                                  const DatasetOptions& options);

// INVALID_ARGUMENT TOO_LITTLE_TEXT when there is no whole chunk.
absl::Status CheckEvaluationChunks(const TokenChunks& chunks);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TRAINING_DATASET_H_

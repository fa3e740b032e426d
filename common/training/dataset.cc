#include "common/training/dataset.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/corpus/chunk_selection.h"
#include "common/crypto/sha256.h"

namespace kalavai {
namespace {

absl::Status TooLittle(absl::string_view side, int64_t found, int64_t needed, int64_t tokens) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "TOO_LITTLE_TEXT",
      {.what = absl::StrFormat("%s text: %d chunks of %d tokens found; must be at least %d", side,
                               found, tokens, needed),
       .why = "a tenth of the documents is held out to measure what was learned, and a measurement "
              "on a few sentences says nothing",
       .fix = absl::StrFormat("add text: about %d kB of it as several documents is the least",
                              (kTrainChunksMin + 2 * kHeldOutChunksMin) * 10 * tokens * 4 / 8000),
       .metadata = {{"side", std::string(side)},
                    {"found", absl::StrCat(found)},
                    {"needed", absl::StrCat(needed)}}});
}

void HashChunks(const TokenChunks& chunks, Sha256& hash) {
  hash.Update(absl::StrCat(chunks.chunk_tokens, "x", chunks.count(), ";"));
  hash.Update({reinterpret_cast<const char*>(chunks.tokens.data()),
               chunks.tokens.size() * sizeof(int32_t)});
}

// Few chunks are no fault of the text when the run reads no more.
void AddWarnings(int64_t train_chunks_max, Dataset& data) {
  const bool whole_text = train_chunks_max == 0 || data.train.count() < train_chunks_max;
  if (whole_text && data.train.count() < kTrainChunksFew) {
    data.warnings.push_back(absl::StrFormat(
        "little text: %d training chunks of %d tokens (fewer than %d); the specialist will repeat "
        "them and may memorise them; more text helps most",
        data.train.count(), data.train.chunk_tokens, kTrainChunksFew));
  }
  if (data.held_out.count() < kHeldOutChunksFew) {
    data.warnings.push_back(absl::StrFormat(
        "little held-out text: %d chunks (fewer than %d); the measured divergence is uncertain",
        data.held_out.count(), kHeldOutChunksFew));
  }
}

}  // namespace

absl::StatusOr<Dataset> BuildDataset(const Tokenizer& tokenizer, std::vector<Document> documents,
                                     const DatasetOptions& options) {
  Dataset data;
  data.documents = static_cast<int64_t>(documents.size());
  documents = Deduplicate(std::move(documents));
  data.duplicates = data.documents - static_cast<int64_t>(documents.size());
  if (documents.size() < 2) {
    return TooLittle("held-out", 0, kHeldOutChunksMin, options.chunk_tokens);
  }
  for (const Document& document : documents) {
    data.bytes += static_cast<int64_t>(document.text.size());
  }
  DocumentSplit split = SplitByHash(std::move(documents), kTrainingSplit, kTrainingShare);
  data.train_documents = static_cast<int64_t>(split.first.size());
  data.held_out_documents = static_cast<int64_t>(split.second.size());

  ASSIGN_OR_RETURN(data.train, FirstChunks(tokenizer, std::move(split.first), options.chunk_tokens,
                                           options.train_chunks_max));
  ASSIGN_OR_RETURN(data.held_out, SpreadChunks(tokenizer, std::move(split.second),
                                               options.chunk_tokens, options.held_out_chunks_max));
  if (data.train.count() < kTrainChunksMin) {
    return TooLittle("training", data.train.count(), kTrainChunksMin, options.chunk_tokens);
  }
  if (data.held_out.count() < kHeldOutChunksMin) {
    return TooLittle("held-out", data.held_out.count(), kHeldOutChunksMin, options.chunk_tokens);
  }
  Sha256 hash;
  HashChunks(data.train, hash);
  HashChunks(data.held_out, hash);
  data.digest = hash.Finish().Hex();
  AddWarnings(options.train_chunks_max, data);
  return data;
}

absl::Status CheckEvaluationChunks(const TokenChunks& chunks) {
  if (chunks.count() > 0) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kInvalidArgument, "TOO_LITTLE_TEXT",
      {.what = absl::StrCat("fewer than ", chunks.chunk_tokens,
                            " tokens found; must fill one chunk of ", chunks.chunk_tokens),
       .why = "losses are measured in whole chunks, so that all texts are treated "
              "alike",
       .fix = "add text, or measure in shorter chunks",
       .metadata = {{"side", "evaluation"}, {"found", "0"}, {"needed", "1"}}});
}

absl::StatusOr<TokenChunks> BuildEvaluationChunks(const Tokenizer& tokenizer,
                                                  std::vector<Document> documents,
                                                  const DatasetOptions& options) {
  ASSIGN_OR_RETURN(TokenChunks chunks,
                   SpreadChunks(tokenizer, Deduplicate(std::move(documents)), options.chunk_tokens,
                                options.held_out_chunks_max));
  RETURN_IF_ERROR(CheckEvaluationChunks(chunks));
  return chunks;
}

}  // namespace kalavai

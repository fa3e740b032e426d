#include "contributor/training/model_evaluation.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/corpus/documents.h"
#include "common/corpus/packing.h"
#include "common/model/loss.h"
#include "common/model/model_directory.h"
#include "common/model/weights.h"
#include "common/tokenizer/tokenizer.h"
#include "common/training/dataset.h"

namespace kalavai::contributor {
namespace {

DatasetOptions OptionsOf(const EvaluationOptions& options) {
  return {.chunk_tokens = options.chunk_tokens,
          .train_chunks_max = kTrainChunksMin,  // only the held-out side is used
          .held_out_chunks_max = options.chunks_max};
}

// Under kTraining a special token is what packing put between documents; else it stood in the text.
int64_t TextBytes(const Tokenizer& tokenizer, std::span<const int32_t> tokens, Packing packing) {
  int64_t bytes = 0;
  for (const int32_t token : tokens) {
    if (packing == Packing::kTraining && tokenizer.IsSpecial(token)) continue;
    bytes += static_cast<int64_t>(tokenizer.TokenBytes(token).size());
  }
  return bytes;
}

ChunkSpan SpanOf(const TokenChunks& chunks) {
  return {.tokens = chunks.tokens, .chunk_length = chunks.chunk_tokens};
}

int64_t Predictions(const TokenChunks& chunks) {
  return chunks.count() * (chunks.chunk_tokens - 1);
}

absl::StatusOr<TokenChunks> ReferenceChunks(const Tokenizer& tokenizer, const NamedText& text,
                                            const EvaluationOptions& options) {
  std::vector<Document> texts;
  for (const std::string& file : text.files) {
    ASSIGN_OR_RETURN(std::vector<Document> some, ReadWholeTexts(file));
    std::move(some.begin(), some.end(), std::back_inserter(texts));
  }
  ASSIGN_OR_RETURN(TokenChunks chunks, ReferencePacking(tokenizer, texts, options.chunk_tokens));
  if (options.chunks_max > 0 && chunks.count() > options.chunks_max) {
    chunks.tokens.resize(static_cast<size_t>(options.chunks_max * options.chunk_tokens));
  }
  return chunks;
}

absl::StatusOr<TokenChunks> ChunksOf(const Tokenizer& tokenizer, const NamedText& text,
                                     const EvaluationOptions& options) {
  if (options.packing == Packing::kReference) {
    ASSIGN_OR_RETURN(TokenChunks chunks, ReferenceChunks(tokenizer, text, options));
    RETURN_IF_ERROR(Annotate(CheckEvaluationChunks(chunks), text.name));
    return chunks;
  }
  ASSIGN_OR_RETURN(std::vector<Document> documents, ReadDocuments(text.files));
  absl::StatusOr<TokenChunks> chunks =
      BuildEvaluationChunks(tokenizer, std::move(documents), OptionsOf(options));
  if (!chunks.ok()) return Annotate(chunks.status(), text.name);
  return chunks;
}

absl::StatusOr<int64_t> ChunkTokens(const std::string& directory, const ModelConfig& config,
                                    int64_t wanted) {
  if (wanted == 0) return std::min(kPaperChunkTokens, config.context_length);
  if (wanted <= config.context_length) return wanted;
  return MakeError(absl::StatusCode::kInvalidArgument, "CONTEXT_EXCEEDED",
                   {.what = absl::StrCat("chunks of ", wanted, " tokens found; must be at most ",
                                         config.context_length, ", the context of ", directory),
                    .why = "positions beyond the context were never trained",
                    .fix = absl::StrCat("--sequence-length ", config.context_length, " or less"),
                    .metadata = {{"actual", absl::StrCat(wanted)},
                                 {"max", absl::StrCat(config.context_length)}}});
}

// Σ −log p over the predictions.
struct LossSums {
  double all = 0;
  std::vector<double> by_chunk = {};
};

absl::StatusOr<LossSums> SumLosses(const Transformer& model, const std::string& name,
                                   const TokenChunks& chunks, const EvaluationOptions& options) {
  LossSums sums;
  const auto predictions = static_cast<size_t>(chunks.chunk_tokens - 1);
  if (options.progress) RETURN_IF_ERROR(options.progress(name, 0, chunks.count()));
  RETURN_IF_ERROR(TokenLogProbs(model, SpanOf(chunks), {}, [&](const TokenBatch& batch) {
    for (size_t i = 0; i < batch.log_probs.size(); ++i) {
      if (i % predictions == 0) sums.by_chunk.push_back(0);
      sums.by_chunk.back() -= static_cast<double>(batch.log_probs[i]);
      sums.all -= static_cast<double>(batch.log_probs[i]);
    }
    if (!options.progress) return absl::OkStatus();
    return options.progress(name, batch.first_chunk + batch.chunk_count, chunks.count());
  }));
  if (std::isfinite(sums.all)) return sums;
  return MakeError(absl::StatusCode::kInvalidArgument, "WEIGHTS_NOT_FINITE",
                   {.what = absl::StrCat(name, ": a loss of ", sums.all, " found; must be finite"),
                    .why = "finite weights can still overflow on a text",
                    .fix = "use --dtype float32, or a model trained with a lower learning rate"});
}

}  // namespace

double TextLoss::BytesPerToken() const {
  return static_cast<double>(text_bytes) / static_cast<double>(tokens + chunks);
}

double TextLoss::BitsPerByte() const {
  return loss * static_cast<double>(tokens) / std::log(2.0) / static_cast<double>(text_bytes);
}

double EqualWeightLoss(const std::vector<TextLoss>& losses) {
  double sum = 0;
  for (const TextLoss& loss : losses) sum += loss.loss;
  return sum / static_cast<double>(losses.size());
}

absl::StatusOr<std::vector<TextLoss>> EvaluateModel(const std::string& directory,
                                                    const std::vector<NamedText>& texts,
                                                    const EvaluationOptions& options) {
  ASSIGN_OR_RETURN(const ModelDirectory opened, OpenModelDirectory(directory));
  EvaluationOptions used = options;
  ASSIGN_OR_RETURN(used.chunk_tokens, ChunkTokens(directory, opened.config, options.chunk_tokens));
  std::vector<TokenChunks> chunks;
  for (const NamedText& text : texts) {
    ASSIGN_OR_RETURN(TokenChunks some, ChunksOf(*opened.tokenizer, text, used));
    chunks.push_back(std::move(some));
  }
  ASSIGN_OR_RETURN(const Transformer model,
                   LoadTransformer(directory, {.type = used.type, .device = used.device}));
  std::vector<TextLoss> losses;
  for (size_t i = 0; i < texts.size(); ++i) {
    TextLoss result = {.name = texts[i].name,
                       .chunks = chunks[i].count(),
                       .tokens = Predictions(chunks[i]),
                       .text_bytes = TextBytes(*opened.tokenizer, chunks[i].tokens, used.packing)};
    ASSIGN_OR_RETURN(const LossSums sums, SumLosses(model, result.name, chunks[i], used));
    result.loss = sums.all / static_cast<double>(result.tokens);
    losses.push_back(std::move(result));
  }
  return losses;
}

absl::Status MeasureChunks(const std::string& directory, const std::vector<ChunkedText>& texts,
                           const EvaluationOptions& options, const ChunkLossesVisitor& done) {
  ASSIGN_OR_RETURN(const ModelDirectory opened, OpenModelDirectory(directory));
  for (const ChunkedText& text : texts) {
    RETURN_IF_ERROR(ChunkTokens(directory, opened.config, text.chunks.chunk_tokens).status());
  }
  ASSIGN_OR_RETURN(const Transformer model,
                   LoadTransformer(directory, {.type = options.type, .device = options.device}));
  for (size_t i = 0; i < texts.size(); ++i) {
    ASSIGN_OR_RETURN(LossSums sums, SumLosses(model, texts[i].name, texts[i].chunks, options));
    for (double& loss : sums.by_chunk) {
      loss /= static_cast<double>(texts[i].chunks.chunk_tokens - 1);
    }
    RETURN_IF_ERROR(done(i, std::move(sums.by_chunk)));
  }
  return absl::OkStatus();
}

absl::StatusOr<OwnEvaluation> EvaluateOwn(const std::string& base_directory,
                                          const std::string& specialist_directory,
                                          const std::vector<std::string>& files,
                                          const EvaluationOptions& options) {
  ASSIGN_OR_RETURN(const ModelDirectory opened, OpenModelDirectory(base_directory));
  EvaluationOptions used = options;
  ASSIGN_OR_RETURN(used.chunk_tokens,
                   ChunkTokens(base_directory, opened.config, options.chunk_tokens));
  ASSIGN_OR_RETURN(std::vector<Document> documents, ReadDocuments(files));
  ASSIGN_OR_RETURN(const Dataset data,
                   BuildDataset(*opened.tokenizer, std::move(documents), OptionsOf(used)));
  ASSIGN_OR_RETURN(const Transformer base,
                   LoadTransformer(base_directory, {.type = used.type, .device = used.device}));
  ASSIGN_OR_RETURN(
      const Transformer specialist,
      LoadTransformer(specialist_directory, {.type = used.type, .device = used.device}));
  const int64_t bytes = TextBytes(*opened.tokenizer, data.held_out.tokens, Packing::kTraining);
  OwnEvaluation result = {.bytes_per_token = static_cast<double>(bytes) /
                                             static_cast<double>(data.held_out.tokens.size()),
                          .chunks = data.held_out.count(),
                          .tokens = Predictions(data.held_out)};
  const ChunkSpan held_out = SpanOf(data.held_out);
  ASSIGN_OR_RETURN(result.base_loss, MeanLoss(base, held_out));
  ASSIGN_OR_RETURN(result.own_loss, MeanLoss(specialist, held_out));
  ASSIGN_OR_RETURN(result.kl_divergence, MeanKlDivergence(specialist, base, held_out));
  result.divergence_percent = 100 * (result.base_loss - result.own_loss) / result.base_loss;
  return result;
}

}  // namespace kalavai::contributor

#include "contributor/training/model_evaluation.h"

#include <memory>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/corpus/documents.h"
#include "common/model/loss.h"
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

absl::StatusOr<std::unique_ptr<Tokenizer>> TokenizerOf(const std::string& directory) {
  return Tokenizer::Load(absl::StrCat(directory, "/tokenizer.json"));
}

double BytesPerToken(const Tokenizer& tokenizer, std::span<const int32_t> tokens) {
  int64_t bytes = 0;
  for (const int32_t token : tokens) {
    if (!tokenizer.IsSpecial(token)) {
      bytes += static_cast<int64_t>(tokenizer.TokenBytes(token).size());
    }
  }
  return static_cast<double>(bytes) / static_cast<double>(tokens.size());
}

ChunkSpan SpanOf(const TokenChunks& chunks) {
  return {.tokens = chunks.tokens, .chunk_length = chunks.chunk_tokens};
}

int64_t Predictions(const TokenChunks& chunks) {
  return chunks.count() * (chunks.chunk_tokens - 1);
}

}  // namespace

absl::StatusOr<std::vector<TextLoss>> EvaluateModel(const std::string& directory,
                                                    const std::vector<NamedText>& texts,
                                                    const EvaluationOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, TokenizerOf(directory));
  ASSIGN_OR_RETURN(
      const Transformer model,
      LoadTransformer(directory, {.type = WeightType::kFloat32, .device = options.device}));
  std::vector<TextLoss> losses;
  for (const NamedText& text : texts) {
    ASSIGN_OR_RETURN(std::vector<Document> documents, ReadDocuments(text.files));
    absl::StatusOr<TokenChunks> chunks =
        BuildEvaluationChunks(*tokenizer, std::move(documents), OptionsOf(options));
    if (!chunks.ok()) return Annotate(chunks.status(), text.name);
    TextLoss result = {.name = text.name,
                       .bytes_per_token = BytesPerToken(*tokenizer, chunks->tokens),
                       .chunks = chunks->count(),
                       .tokens = Predictions(*chunks)};
    ASSIGN_OR_RETURN(result.loss, MeanLoss(model, SpanOf(*chunks)));
    losses.push_back(std::move(result));
  }
  return losses;
}

absl::StatusOr<OwnEvaluation> EvaluateOwn(const std::string& base_directory,
                                          const std::string& specialist_directory,
                                          const std::vector<std::string>& files,
                                          const EvaluationOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, TokenizerOf(base_directory));
  ASSIGN_OR_RETURN(std::vector<Document> documents, ReadDocuments(files));
  ASSIGN_OR_RETURN(const Dataset data,
                   BuildDataset(*tokenizer, std::move(documents), OptionsOf(options)));
  ASSIGN_OR_RETURN(
      const Transformer base,
      LoadTransformer(base_directory, {.type = WeightType::kFloat32, .device = options.device}));
  ASSIGN_OR_RETURN(const Transformer specialist,
                   LoadTransformer(specialist_directory,
                                   {.type = WeightType::kFloat32, .device = options.device}));
  OwnEvaluation result = {.bytes_per_token = BytesPerToken(*tokenizer, data.held_out.tokens),
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

#include "coordinator/admin/base_pretrainer.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/corpus/documents.h"
#include "common/model/loss.h"
#include "common/model/model_directory.h"
#include "common/model/weights.h"
#include "common/storage/atomic_file.h"
#include "common/tokenizer/tokenizer.h"
#include "common/tokenizer/tokenizer_trainer.h"
#include "common/training/checkpoint_writer.h"
#include "common/training/dataset.h"
#include "common/training/trainer.h"

namespace kalavai::coordinator {
namespace {

// A tokenizer learns nothing more from text beyond this; the documents nearest to hash 0 are taken.
constexpr int64_t kTokenizerBytesMax = 8 * 1024 * 1024;
constexpr int64_t kHeldOutChunks = 32;

absl::Status CheckTarget(const BasePretrainOptions& options) {
  const std::string& directory = options.directory;
  std::error_code ignored;
  if (!options.from.empty() && std::filesystem::equivalent(directory, options.from, ignored)) {
    return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                     {.what = absl::StrCat(directory, ": is the checkpoint to go on from"),
                      .why = "it would be replaced",
                      .fix = "choose another --out",
                      .metadata = {{"field", "directory"}}});
  }
  if (!std::filesystem::exists(directory, ignored) ||
      std::filesystem::is_empty(directory, ignored) ||
      std::filesystem::exists(absl::StrCat(directory, "/config.json"), ignored)) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kAlreadyExists, "FILE_EXISTS",
                   {.what = absl::StrCat(directory, ": exists and holds no checkpoint"),
                    .why = "the directory is replaced as a whole",
                    .fix = "choose another --out",
                    .metadata = {{"path", directory}}});
}

// Only text the model may train on: a held-out document must not shape the tokenizer either.
absl::StatusOr<std::string> MakeTokenizer(std::vector<Document> documents, int64_t vocabulary) {
  DocumentSplit split = SplitByHash(std::move(documents), kTrainingSplit, kTrainingShare);
  std::sort(split.first.begin(), split.first.end(),
            [](const Document& a, const Document& b) { return a.digest < b.digest; });
  std::vector<absl::string_view> texts;
  int64_t bytes = 0;
  for (const Document& document : split.first) {
    if (bytes > kTokenizerBytesMax) break;
    texts.push_back(document.text);
    bytes += static_cast<int64_t>(document.text.size());
  }
  return TrainTokenizer(texts, vocabulary);
}

// 4 D with two matrices; with three, two thirds of that, so that both cost the same (Shazeer 2020),
// rounded up to a multiple of 16.
int64_t FeedForwardSize(const BasePretrainOptions& options) {
  const int64_t wide = 4 * options.hidden_size;
  return options.family == Family::kGptNeox ? wide : (wide * 2 / 3 + 15) / 16 * 16;
}

ModelConfig ConfigOf(const BasePretrainOptions& options, const Tokenizer& tokenizer) {
  ModelConfig config = ModelConfig::Defaults(options.family);
  config.vocab_size = tokenizer.VocabularySize();
  config.hidden_size = options.hidden_size;
  config.layer_count = options.layer_count;
  config.head_count = options.head_count;
  config.kv_head_count = options.kv_head_count;
  config.intermediate_size = FeedForwardSize(options);
  config.context_length = std::max(options.context_length, options.chunk_tokens);
  config.bos_token_id = tokenizer.EndOfTextId().value_or(0);
  config.eos_token_ids = {tokenizer.EndOfTextId().value_or(0)};
  return config;
}

absl::StatusOr<WeightType> StoredType(const BasePretrainOptions& options) {
  if (options.stored_type.has_value()) return *options.stored_type;
  if (options.from.empty()) return WeightType::kBfloat16;
  ASSIGN_OR_RETURN(
      const std::string json,
      ReadFileBounded(absl::StrCat(options.from, "/config.json"), limits::kJsonBytesMax));
  ASSIGN_OR_RETURN(const ModelConfig config, ModelConfig::FromJson(json));
  return config.weight_type;
}

// Fresh weights, or those of the checkpoint to go on from; float32 in memory.
absl::StatusOr<Transformer> InitialModel(const BasePretrainOptions& options,
                                         const Tokenizer& tokenizer) {
  if (options.from.empty()) {
    const ModelConfig config = ConfigOf(options, tokenizer);
    RETURN_IF_ERROR(config.Validate());
    ASSIGN_OR_RETURN(const Transformer fresh, InitializeTransformer(config, options.seed));
    return fresh.MoveTo(options.device);
  }
  ASSIGN_OR_RETURN(Transformer model, LoadTransformer(options.from, {.type = WeightType::kFloat32,
                                                                     .device = options.device}));
  RETURN_IF_ERROR(
      CheckVocabulary(absl::StrCat(options.from, "/tokenizer.json"), tokenizer, model.config));
  return model;
}

double BytesPerToken(const Tokenizer& tokenizer, const TokenChunks& chunks) {
  int64_t bytes = 0;
  for (const int32_t token : chunks.tokens) {
    if (!tokenizer.IsSpecial(token)) {
      bytes += static_cast<int64_t>(tokenizer.TokenBytes(token).size());
    }
  }
  return static_cast<double>(bytes) / static_cast<double>(chunks.tokens.size());
}

TrainerOptions LoopOptions(const BasePretrainOptions& options) {
  TrainerOptions loop;
  loop.hyperparameters = options.hyperparameters;
  loop.precision = options.precision;
  loop.batch = options.batch;
  loop.seed = options.seed;
  loop.evaluate_at = {options.hyperparameters.steps / 2};  // and, always, at the end
  return loop;
}

// Writes tokenizer.json beside the target, where WriteCheckpoint takes it from.
absl::StatusOr<BasePretrainReport> TrainAndWrite(const BasePretrainOptions& options,
                                                 const BasePretrainListener& listener,
                                                 const std::string& tokenizer_json,
                                                 const Tokenizer& tokenizer, const Dataset& data) {
  BasePretrainReport report;
  ASSIGN_OR_RETURN(Transformer initial, InitialModel(options, tokenizer));
  ASSIGN_OR_RETURN(const WeightType stored_type, StoredType(options));
  report.config = initial.config;
  report.parameters = report.config.ParameterCount();
  report.vocabulary = tokenizer.VocabularySize();
  report.train_chunks = data.train.count();
  report.held_out_chunks = data.held_out.count();
  report.bytes_per_token = BytesPerToken(tokenizer, data.held_out);
  listener.note(absl::StrFormat(
      "%.2f million weights, %d tokens in the vocabulary (%.2f bytes each), %d chunks of %d tokens",
      static_cast<double>(report.parameters) / 1e6, report.vocabulary, report.bytes_per_token,
      report.train_chunks, options.chunk_tokens));

  const ChunkSpan held_out = {.tokens = data.held_out.tokens, .chunk_length = options.chunk_tokens};
  ASSIGN_OR_RETURN(
      const TrainingResult result,
      Train(std::move(initial),
            {.train = {.tokens = data.train.tokens, .chunk_length = options.chunk_tokens},
             .held_out = held_out},
            LoopOptions(options), listener.progress));
  report.summary = result.summary;

  const std::string tokenizer_path = absl::StrCat(options.directory, ".tokenizer.json");
  RETURN_IF_ERROR(WriteFileAtomically(tokenizer_path, tokenizer_json));
  const absl::Status written =
      WriteCheckpoint(result.model, tokenizer_path, options.directory, stored_type);
  std::error_code ignored;
  std::filesystem::remove(tokenizer_path, ignored);
  RETURN_IF_ERROR(written);
  ASSIGN_OR_RETURN(
      const Transformer stored,
      LoadTransformer(options.directory, {.type = WeightType::kFloat32, .device = options.device}));
  ASSIGN_OR_RETURN(report.held_out_loss, MeanLoss(stored, held_out));
  return report;
}

}  // namespace

absl::StatusOr<BasePretrainReport> PretrainBase(const BasePretrainOptions& options,
                                                const BasePretrainListener& listener) {
  RETURN_IF_ERROR(CheckTarget(options));
  ASSIGN_OR_RETURN(std::vector<Document> documents, ReadDocuments(options.files));
  documents = Deduplicate(std::move(documents));
  ASSIGN_OR_RETURN(const std::string tokenizer_json,
                   options.from.empty()
                       ? MakeTokenizer(documents, options.vocabulary)
                       : ReadFileBounded(absl::StrCat(options.from, "/tokenizer.json"),
                                         limits::kTokenizerBytesMax));
  ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Parse(tokenizer_json));
  ASSIGN_OR_RETURN(const Dataset data,
                   BuildDataset(*tokenizer, std::move(documents),
                                {.chunk_tokens = options.chunk_tokens,
                                 .train_chunks_max = options.hyperparameters.steps * options.batch,
                                 .held_out_chunks_max = kHeldOutChunks}));
  return TrainAndWrite(options, listener, tokenizer_json, *tokenizer, data);
}

}  // namespace kalavai::coordinator

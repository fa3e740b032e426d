#include "contributor/training/specialist_trainer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <numeric>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/corpus/document_list.h"
#include "common/corpus/documents.h"
#include "common/crypto/sha256.h"
#include "common/forecast/interval.h"
#include "common/model/loss.h"
#include "common/model/model_directory.h"
#include "common/model/weights.h"
#include "common/storage/atomic_file.h"
#include "common/tokenizer/tokenizer.h"
#include "common/training/checkpoint_writer.h"
#include "common/training/dataset.h"
#include "common/training/estimate.h"
#include "common/training/step_speed.h"
#include "common/training/trainer.h"

namespace kalavai::contributor {
namespace {

constexpr mode_t kPrivateDirectory = 0700;
constexpr mode_t kPrivateFile = 0600;

// Chunks for the curve along the way; the figures of the report are of all held-out chunks.
constexpr int64_t kCurveChunks = 32;

// error_percent covered 13 of 16 forecasts (docs/formats/training_report.md): ±1.3 deviations of a
// normal distribution.
constexpr double kErrorPercentDeviations = 1.3;

// What a run works on.
struct Ground {
  std::unique_ptr<Tokenizer> tokenizer;
  Dataset data;
  Transformer base;                               // float32
  WeightType stored_type = WeightType::kFloat32;  // of the base's file
  std::string base_digest;                        // of its weights file and config
  std::vector<Document> trained = {};             // digests only, of the documents trained on
};

// The documents of BuildDataset's training part, without their text.
std::vector<Document> TrainedOn(const std::vector<Document>& documents) {
  std::vector<Document> digests;
  digests.reserve(documents.size());
  for (const Document& document : documents) {
    digests.push_back({.text = {}, .digest = document.digest});
  }
  return SplitByHash(Deduplicate(std::move(digests)), kTrainingSplit, kTrainingShare).first;
}

// Adds to training/documents.txt, before the first step: what any run here has seen.
absl::Status RecordDocuments(const SpecialistOptions& options, std::vector<Document> trained) {
  const std::string path = absl::StrCat(options.training_directory, "/documents.txt");
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    ASSIGN_OR_RETURN(const std::string text, ReadFileBounded(path, limits::kTextFileBytesMax));
    const absl::StatusOr<std::vector<Digest>> earlier = ParseDocumentList(text);
    if (!earlier.ok()) return Annotate(earlier.status(), path);
    for (const Digest& digest : *earlier) trained.push_back({.text = {}, .digest = digest});
  }
  return WriteFileAtomically(path, FormatDocumentList(trained), kPrivateFile);
}

absl::StatusOr<Ground> Prepare(const SpecialistOptions& options, const TrainingListener& listener) {
  Ground ground;
  ASSIGN_OR_RETURN(ModelDirectory directory, OpenModelDirectory(options.base_directory));
  ground.tokenizer = std::move(directory.tokenizer);
  ASSIGN_OR_RETURN(std::vector<Document> documents, ReadDocuments(options.files));
  ground.trained = TrainedOn(documents);
  ASSIGN_OR_RETURN(ground.data,
                   BuildDataset(*ground.tokenizer, std::move(documents),
                                {.chunk_tokens = options.chunk_tokens,
                                 .train_chunks_max = options.hyperparameters.steps * options.batch,
                                 .held_out_chunks_max = options.held_out_chunks}));
  for (const std::string& warning : ground.data.warnings) listener.warn(warning);

  ASSIGN_OR_RETURN(const Transformer stored,
                   LoadTransformer(options.base_directory, {.device = options.device}));
  ground.stored_type = stored.weight_type();
  ASSIGN_OR_RETURN(ground.base, stored.CastTo(WeightType::kFloat32));
  ASSIGN_OR_RETURN(ground.base_digest, WeightsDigest(options.base_directory));
  return ground;
}

// Of everything the trained bits depend on, but the machine: the same digest continues the same
// run.
std::string RunDigest(const SpecialistOptions& options, const Ground& ground) {
  const Hyperparameters& h = options.hyperparameters;
  Sha256 hash;
  hash.Update(absl::StrFormat(
      "kalavai/specialist/v1;%s;%s;%.17g;%d;%d;%.17g;%.17g;%.17g;%.17g;%.17g;%.17g;%d;%d;%s;%d;%d;"
      "%d;%d",
      ground.base_digest, ground.data.digest, h.learning_rate, h.warmup_steps, h.steps,
      h.final_fraction, h.weight_decay, h.beta1, h.beta2, h.epsilon, h.clip, h.freeze_depth,
      h.micro_batch, NameOf(options.precision), options.batch, options.seed, options.patience,
      options.held_out_chunks));
  return hash.Finish().Hex();
}

absl::Status SayAndCheckCost(const SpecialistOptions& options, const Ground& ground,
                             const TrainingListener& listener) {
  const Hyperparameters& h = options.hyperparameters;
  const TrainingShape shape = {.batch = std::min(options.batch, h.micro_batch),
                               .chunk_length = options.chunk_tokens,
                               .freeze_depth = h.freeze_depth,
                               .mixed = options.precision == Precision::kMixed,
                               .pure = options.precision == Precision::kPure,
                               .activation_checkpointing = options.activation_checkpointing};
  const Resources resources = ReadResources(options.training_directory);
  // Memory first: measuring the speed already needs it.
  RETURN_IF_ERROR(CheckResources(EstimateCost(ground.base.config, shape, {}), resources));
  const ChunkSpan train = {.tokens = ground.data.train.tokens,
                           .chunk_length = options.chunk_tokens};
  ASSIGN_OR_RETURN(
      const double step_seconds,
      MeasureStepSeconds(ground.base, train, options.batch,
                         {.hyperparameters = h,
                          .precision = options.precision,
                          .activation_checkpointing = options.activation_checkpointing}));
  const int64_t steps = options.pilot_steps > 0 ? std::min(options.pilot_steps, h.steps) : h.steps;
  const Cost cost = EstimateCost(
      ground.base.config, shape,
      {.steps = steps,
       .evaluations =
           static_cast<int64_t>(EvaluationSteps(steps, options.pilot_steps > 0).size()) + 2,
       .held_out_chunks = std::min(kCurveChunks, ground.data.held_out.count()),
       .batch = options.batch,
       .seconds_per_step = step_seconds});
  listener.note(absl::StrFormat(
      "%d documents (%d duplicates): %d chunks of %d tokens to train on, %d held out",
      ground.data.documents, ground.data.duplicates, ground.data.train.count(),
      options.chunk_tokens, ground.data.held_out.count()));
  listener.note(absl::StrFormat(
      "%d steps: at most about %s, %.0f MiB of memory, %.0f MiB on disk", steps,
      absl::FormatDuration(absl::Ceil(absl::Seconds(cost.seconds), absl::Seconds(1))),
      static_cast<double>(cost.memory_bytes) / static_cast<double>(limits::kMiB),
      static_cast<double>(cost.disk_bytes) / static_cast<double>(limits::kMiB)));
  return absl::OkStatus();
}

TrainerOptions LoopOptions(const SpecialistOptions& options, const std::string& run_digest) {
  const int64_t steps = options.hyperparameters.steps;
  TrainerOptions loop;
  loop.hyperparameters = options.hyperparameters;
  loop.precision = options.precision;
  loop.activation_checkpointing = options.activation_checkpointing;
  loop.batch = options.batch;
  loop.seed = options.seed;
  loop.stop_at = options.pilot_steps;
  loop.evaluate_at = options.pilot_steps > 0
                         ? EvaluationSteps(std::min(options.pilot_steps, steps), true)
                         : EvaluationSteps(steps, false);
  loop.patience = options.patience;
  loop.state_path =
      absl::StrCat(options.training_directory, "/state-", run_digest.substr(0, 16), ".safetensors");
  loop.binding = run_digest;
  loop.save_interval = options.save_interval;
  return loop;
}

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Mean loss of each chunk, nats/token.
absl::StatusOr<std::vector<double>> ChunkLosses(const Transformer& model, ChunkSpan chunks) {
  std::vector<double> losses;
  const auto predictions = static_cast<size_t>(chunks.chunk_length - 1);
  const auto add = [&](const TokenBatch& batch) {
    for (size_t c = 0; c < static_cast<size_t>(batch.chunk_count); ++c) {
      double sum = 0;
      for (const float log_prob : batch.log_probs.subspan(c * predictions, predictions)) {
        sum -= static_cast<double>(log_prob);
      }
      losses.push_back(sum / static_cast<double>(predictions));
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(TokenLogProbs(model, chunks, {}, add));
  return losses;
}

// Writes the specialist and measures it as written.
absl::Status WriteAndMeasure(const SpecialistOptions& options, const Ground& ground,
                             const std::vector<double>& base_losses, const Transformer& model,
                             ChunkSpan held_out, SpecialistReport& report) {
  RETURN_IF_ERROR(WriteCheckpoint(model, absl::StrCat(options.base_directory, "/tokenizer.json"),
                                  options.specialist_directory, ground.stored_type));
  ASSIGN_OR_RETURN(const Transformer written,
                   LoadTransformer(options.specialist_directory,
                                   {.type = WeightType::kFloat32, .device = options.device}));
  ASSIGN_OR_RETURN(const std::vector<double> losses, ChunkLosses(written, held_out));
  report.own_loss = Mean(losses);
  report.measured_loss = report.own_loss;
  report.improvement_standard_error = PairedStandardError(base_losses, losses);
  return absl::OkStatus();
}

// The curve is of a part of the held-out text: what it says in proportion holds for all of it.
void Forecast(const SpecialistOptions& options, SpecialistReport& report) {
  const std::vector<CurvePoint>& curve = report.summary.curve;
  const double scale = report.base_loss / curve.front().loss;
  const auto forecast = Extrapolate(options.hyperparameters, curve);
  report.extrapolated = forecast.has_value();
  report.measured_loss = curve.back().loss * scale;
  report.own_loss = forecast.has_value() ? forecast->loss * scale : report.measured_loss;
  report.error_percent = forecast.has_value() ? forecast->error_percent : 0;
  report.improvement_standard_error =
      report.error_percent / 100 * report.own_loss / kErrorPercentDeviations;
}

SpecialistReport Describe(const SpecialistOptions& options, const Ground& ground,
                          const TrainingSummary& summary, const std::string& run_digest) {
  SpecialistReport report;
  report.pilot = options.pilot_steps > 0 && summary.steps < options.hyperparameters.steps;
  report.planned_steps = options.hyperparameters.steps;
  report.chunk_tokens = options.chunk_tokens;
  report.train_chunks = ground.data.train.count();
  report.held_out_chunks = ground.data.held_out.count();
  report.documents = ground.data.documents;
  report.duplicates = ground.data.duplicates;
  report.train_documents = ground.data.train_documents;
  report.held_out_documents = ground.data.held_out_documents;
  report.seed = options.seed;
  report.run_digest = run_digest;
  for (const std::string& file : options.files) {
    std::error_code ignored;
    report.files.push_back(std::filesystem::absolute(file, ignored).string());
  }
  report.summary = summary;
  return report;
}

absl::Status SaveReport(const SpecialistOptions& options, const SpecialistReport& report) {
  return WriteFileAtomically(absl::StrCat(options.training_directory, "/report.json"),
                             report.ToJson().dump(2) + "\n", kPrivateFile);
}

// The report of this very run, when it has ended and its specialist is still there.
std::optional<SpecialistReport> EarlierResult(const SpecialistOptions& options,
                                              const std::string& run_digest) {
  std::error_code ignored;
  if (!std::filesystem::exists(absl::StrCat(options.specialist_directory, "/model.safetensors"),
                               ignored)) {
    return std::nullopt;
  }
  const auto text = ReadFileBounded(absl::StrCat(options.training_directory, "/report.json"),
                                    limits::kJsonBytesMax);
  if (!text.ok()) return std::nullopt;
  const auto json = ReadJson(*text);
  if (!json.ok()) return std::nullopt;
  auto report = SpecialistReport::FromJson(*json);
  if (!report.ok() || report->pilot || report->run_digest != run_digest) return std::nullopt;
  return *std::move(report);
}

}  // namespace

double SpecialistReport::DivergencePercent() const {
  return 100 * (base_loss - own_loss) / base_loss;
}

nlohmann::json SpecialistReport::ToJson() const {
  nlohmann::json curve = nlohmann::json::array();
  for (const CurvePoint& point : summary.curve) {
    curve.push_back({{"step", point.step}, {"loss", point.loss}});
  }
  return {{"base_loss", base_loss},
          {"own_loss", own_loss},
          {"measured_loss", measured_loss},
          {"divergence_percent", DivergencePercent()},
          {"error_percent", error_percent},
          {"improvement_standard_error", improvement_standard_error},
          {"pilot", pilot},
          {"extrapolated", extrapolated},
          {"steps", summary.steps},
          {"best_step", summary.best_step},
          {"planned_steps", planned_steps},
          {"stopped_early", summary.stopped_early},
          {"undone_steps", summary.undone_steps},
          {"mixed_precision", summary.mixed_precision},
          {"held_out_tokens", held_out_chunks * (chunk_tokens - 1)},
          {"train_tokens", train_chunks * chunk_tokens},
          {"documents", documents},
          {"duplicate_documents", duplicates},
          {"train_documents", train_documents},
          {"held_out_documents", held_out_documents},
          {"chunk_tokens", chunk_tokens},
          {"held_out_chunks", held_out_chunks},
          {"seed", seed},
          {"seconds", summary.seconds},
          {"tokens_per_second", summary.tokens_per_second},
          {"run_digest", run_digest},
          {"files", files},
          {"curve", curve}};
}

absl::StatusOr<SpecialistReport> SpecialistReport::FromJson(const nlohmann::json& json) {
  SpecialistReport report;
  TrainingSummary& summary = report.summary;
  ASSIGN_OR_RETURN(report.base_loss, JsonNumber(json, "base_loss"));
  ASSIGN_OR_RETURN(report.own_loss, JsonNumber(json, "own_loss"));
  ASSIGN_OR_RETURN(report.measured_loss, JsonNumber(json, "measured_loss"));
  ASSIGN_OR_RETURN(report.error_percent, JsonNumber(json, "error_percent"));
  if (json.contains("improvement_standard_error")) {  // older reports do not have it
    ASSIGN_OR_RETURN(report.improvement_standard_error,
                     JsonNumber(json, "improvement_standard_error"));
  }
  ASSIGN_OR_RETURN(report.pilot, JsonBool(json, "pilot"));
  ASSIGN_OR_RETURN(report.extrapolated, JsonBool(json, "extrapolated"));
  ASSIGN_OR_RETURN(report.planned_steps, JsonInt(json, "planned_steps"));
  ASSIGN_OR_RETURN(report.chunk_tokens, JsonInt(json, "chunk_tokens"));
  ASSIGN_OR_RETURN(const int64_t train_tokens, JsonInt(json, "train_tokens"));
  report.train_chunks = train_tokens / std::max<int64_t>(1, report.chunk_tokens);
  ASSIGN_OR_RETURN(report.held_out_chunks, JsonInt(json, "held_out_chunks"));
  ASSIGN_OR_RETURN(report.documents, JsonInt(json, "documents"));
  ASSIGN_OR_RETURN(report.duplicates, JsonInt(json, "duplicate_documents"));
  ASSIGN_OR_RETURN(report.train_documents, JsonInt(json, "train_documents"));
  ASSIGN_OR_RETURN(report.held_out_documents, JsonInt(json, "held_out_documents"));
  ASSIGN_OR_RETURN(const int64_t seed, JsonInt(json, "seed"));
  report.seed = static_cast<uint64_t>(seed);
  ASSIGN_OR_RETURN(report.run_digest, JsonString(json, "run_digest"));
  ASSIGN_OR_RETURN(summary.steps, JsonInt(json, "steps"));
  ASSIGN_OR_RETURN(summary.best_step, JsonInt(json, "best_step"));
  ASSIGN_OR_RETURN(summary.stopped_early, JsonBool(json, "stopped_early"));
  ASSIGN_OR_RETURN(summary.undone_steps, JsonInt(json, "undone_steps"));
  ASSIGN_OR_RETURN(summary.mixed_precision, JsonBool(json, "mixed_precision"));
  ASSIGN_OR_RETURN(summary.seconds, JsonNumber(json, "seconds"));
  ASSIGN_OR_RETURN(summary.tokens_per_second, JsonNumber(json, "tokens_per_second"));
  for (const nlohmann::json& file : json.value("files", nlohmann::json::array())) {
    if (file.is_string()) report.files.push_back(file.get<std::string>());
  }
  for (const nlohmann::json& entry : json.value("curve", nlohmann::json::array())) {
    CurvePoint point;
    ASSIGN_OR_RETURN(point.step, JsonInt(entry, "step"));
    ASSIGN_OR_RETURN(point.loss, JsonNumber(entry, "loss"));
    summary.curve.push_back(point);
  }
  return report;
}

absl::StatusOr<SpecialistReport> TrainSpecialist(const SpecialistOptions& options,
                                                 const TrainingListener& listener) {
  RETURN_IF_ERROR(EnsureDirectory(options.training_directory, kPrivateDirectory));
  ASSIGN_OR_RETURN(Ground ground, Prepare(options, listener));
  RETURN_IF_ERROR(Validate(options.hyperparameters, ground.base.config));
  if (options.pilot_steps == 0 || options.pilot_steps >= options.hyperparameters.steps) {
    RETURN_IF_ERROR(RecordDocuments(options, std::move(ground.trained)));
  }
  const std::string run_digest = RunDigest(options, ground);
  if (const auto earlier = EarlierResult(options, run_digest);
      earlier.has_value() && !options.restart) {
    listener.note("this text has been trained on with these settings; --restart does it again");
    return *earlier;
  }
  RETURN_IF_ERROR(SayAndCheckCost(options, ground, listener));

  const TrainerOptions loop = LoopOptions(options, run_digest);
  std::error_code ignored;
  if (options.restart) std::filesystem::remove(loop.state_path, ignored);
  if (std::filesystem::exists(loop.state_path, ignored)) {
    listener.note("an unfinished run of this text and these settings is continued");
  }
  const ChunkSpan held_out = {.tokens = ground.data.held_out.tokens,
                              .chunk_length = options.chunk_tokens};
  ASSIGN_OR_RETURN(const std::vector<double> base_losses, ChunkLosses(ground.base, held_out));
  ASSIGN_OR_RETURN(
      const TrainingResult result,
      Train(std::move(ground.base),  // its memory is the training's
            {.train = {.tokens = ground.data.train.tokens, .chunk_length = options.chunk_tokens},
             .held_out = held_out},
            loop, listener.progress));

  SpecialistReport report = Describe(options, ground, result.summary, run_digest);
  report.base_loss = Mean(base_losses);
  const std::string pilot = absl::StrCat(options.training_directory, "/pilot");
  if (report.pilot) {
    Forecast(options, report);
    // For `predict --rows`: what it does to other domains is measured on its weights.
    RETURN_IF_ERROR(WriteCheckpoint(result.model,
                                    absl::StrCat(options.base_directory, "/tokenizer.json"), pilot,
                                    ground.stored_type));
    RETURN_IF_ERROR(SaveReport(options, report));
    return report;
  }
  RETURN_IF_ERROR(WriteAndMeasure(options, ground, base_losses, result.model, held_out, report));
  RETURN_IF_ERROR(SaveReport(options, report));
  // The run is over and its result is on disk: state and pilot would only take four models' room.
  std::filesystem::remove(loop.state_path, ignored);
  std::filesystem::remove_all(pilot, ignored);
  return report;
}

}  // namespace kalavai::contributor

#include "common/training/trainer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/training/chunk_order.h"
#include "common/training/training_state.h"

namespace kalavai {
namespace {

constexpr int64_t kUndoneInARowMax = 3;

absl::Status GivenUp(std::string what, int64_t step) {
  return MakeError(
      absl::StatusCode::kOutOfRange, "TRAINING_NOT_FINITE",
      {.what = std::move(what),
       .why = "the weights have left the region where the model computes",
       .fix = "lower --learning-rate and train again; the base and earlier results are unchanged",
       .metadata = {{"step", absl::StrCat(step)}}});
}

NamedTensors Copy(const NamedTensors& tensors) {
  NamedTensors copies;
  for (const auto& [name, tensor] : tensors) copies[name] = tensor.detach().clone();
  return copies;
}

// One run: the optimizer and everything that a training state keeps beside it.
class Run {
 public:
  Run(const TrainingChunks& chunks, const TrainerOptions& options, const TrainingObserver& observer)
      : chunks_(chunks),
        options_(options),
        observer_(observer),
        order_(chunks.train.count(), options.seed) {}

  absl::Status Start(Transformer initial) {
    ASSIGN_OR_RETURN(optimizer_, OptimizerStep::Create(std::move(initial),
                                                       {.hyperparameters = options_.hyperparameters,
                                                        .precision = options_.precision,
                                                        .activation_checkpointing =
                                                            options_.activation_checkpointing}));
    std::error_code ignored;
    if (!options_.state_path.empty() && std::filesystem::exists(options_.state_path, ignored)) {
      RETURN_IF_ERROR(Resume());
    }
    summary_.resumed_from = optimizer_->step();
    summary_.mixed_precision = optimizer_->precision() == Precision::kMixed;
    if (summary_.curve.empty()) return Evaluate();
    return absl::OkStatus();
  }

  absl::Status Go() {
    const int64_t end = StepsEnd();
    while (optimizer_->step() < end && !summary_.stopped_early) {
      RETURN_IF_ERROR(OneStep());
      const int64_t step = optimizer_->step();
      const bool due =
          std::binary_search(options_.evaluate_at.begin(), options_.evaluate_at.end(), step);
      if (due && summary_.curve.back().step < step) RETURN_IF_ERROR(Evaluate());
      if (saved_.Elapsed() >= options_.save_interval) RETURN_IF_ERROR(Save());
      if (!observer_) continue;
      const absl::Status observed = observer_(Progress());
      if (!observed.ok()) {
        RETURN_IF_ERROR(Save());
        return observed;
      }
    }
    if (summary_.curve.back().step < optimizer_->step()) RETURN_IF_ERROR(Evaluate());
    return Save();
  }

  absl::StatusOr<TrainingResult> Finish() {
    NamedTensors parameters = best_.empty() ? optimizer_->model().parameters : best_;
    ASSIGN_OR_RETURN(Transformer model,
                     BindParameters(optimizer_->model().config, Copy(parameters)));
    summary_.steps = optimizer_->step();
    summary_.seconds = seconds_before_ + Elapsed();
    summary_.tokens_per_second = TokensPerSecond();
    return TrainingResult{.model = std::move(model), .summary = summary_};
  }

 private:
  int64_t StepsEnd() const {
    const int64_t steps = options_.hyperparameters.steps;
    return options_.stop_at > 0 ? std::min(options_.stop_at, steps) : steps;
  }
  double Elapsed() const { return absl::ToDoubleSeconds(begin_.Elapsed()); }
  double TokensPerSecond() const {
    const double seconds = Elapsed();
    return seconds > 0 ? static_cast<double>(tokens_) / seconds : 0;
  }
  TrainingProgress Progress() const {
    TrainingProgress progress = {.step = optimizer_->step(),
                                 .steps = StepsEnd(),
                                 .loss = last_.loss,
                                 .learning_rate = last_.learning_rate,
                                 .tokens_per_second = TokensPerSecond()};
    if (HasHeldOut()) progress.held_out_loss = summary_.curve.back().loss;
    return progress;
  }
  bool HasHeldOut() const { return !chunks_.held_out.tokens.empty(); }

  // Reads the next batch of the order; skips batches that are undone as not finite.
  absl::Status OneStep() {
    const size_t length = static_cast<size_t>(chunks_.train.chunk_length);
    for (int64_t undone = 0;;) {
      batch_.clear();
      for (int64_t i = 0; i < options_.batch; ++i) {
        const auto chunk = static_cast<size_t>(order_.At(batches_ * options_.batch + i));
        const auto tokens = chunks_.train.tokens.subspan(chunk * length, length);
        batch_.insert(batch_.end(), tokens.begin(), tokens.end());
      }
      ++batches_;
      const absl::StatusOr<StepResult> result =
          optimizer_->Step({.tokens = batch_, .chunk_length = chunks_.train.chunk_length});
      if (result.ok()) {
        last_ = *result;
        tokens_ += result->tokens;
        return absl::OkStatus();
      }
      if (GetErrorReason(result.status()) != "TRAINING_NOT_FINITE") return result.status();
      ++summary_.undone_steps;
      if (++undone < kUndoneInARowMax) continue;
      return GivenUp(absl::StrCat("step ", optimizer_->step(), ": ", undone,
                                  " batches in a row gave no finite loss or gradient (",
                                  result.status().message(), ")"),
                     optimizer_->step());
    }
  }

  absl::Status Evaluate() {
    const int64_t step = optimizer_->step();
    if (!HasHeldOut()) {
      summary_.curve.push_back({.step = step, .loss = 0});
      summary_.best_step = step;
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const double loss, MeanLoss(optimizer_->model(), chunks_.held_out));
    if (!std::isfinite(loss)) {
      return GivenUp(
          absl::StrCat("held-out loss after step ", step, ": ", loss, " found; must be finite"),
          step);
    }
    const bool best = summary_.curve.empty() || loss < summary_.best_loss;
    summary_.curve.push_back({.step = step, .loss = loss});
    if (best) {
      summary_.best_step = step;
      summary_.best_loss = loss;
      best_ = Copy(optimizer_->model().parameters);
    }
    DecideEarlyStop();
    return absl::OkStatus();
  }

  void DecideEarlyStop() {
    const auto after =
        std::count_if(summary_.curve.begin(), summary_.curve.end(),
                      [this](const CurvePoint& point) { return point.step > summary_.best_step; });
    summary_.stopped_early = options_.patience > 0 && after >= options_.patience;
  }

  absl::Status Save() {
    saved_ = Stopwatch();
    if (options_.state_path.empty()) return absl::OkStatus();
    TrainingState state = {.binding = options_.binding,
                           .parameters = optimizer_->model().parameters,
                           .optimizer = optimizer_->ExportState(),
                           .step = optimizer_->step(),
                           .batches = batches_,
                           .best_step = summary_.best_step,
                           .best_loss = summary_.best_loss,
                           .curve = summary_.curve,
                           .seconds = seconds_before_ + Elapsed()};
    if (summary_.best_step != state.step) state.best = best_;
    return SaveTrainingState(options_.state_path, state);
  }

  absl::Status Resume() {
    ASSIGN_OR_RETURN(TrainingState state, LoadTrainingState(options_.state_path, options_.binding));
    RETURN_IF_ERROR(optimizer_->ImportState(state.parameters, state.optimizer, state.step));
    batches_ = state.batches;
    seconds_before_ = state.seconds;
    summary_.undone_steps = state.batches - state.step;
    summary_.best_step = state.best_step;
    summary_.best_loss = state.best_loss;
    summary_.curve = std::move(state.curve);
    DecideEarlyStop();
    if (HasHeldOut()) {
      best_ = Copy(optimizer_->model().parameters);
      for (auto& [name, tensor] : state.best) best_[name] = tensor.to(optimizer_->model().device());
    }
    return absl::OkStatus();
  }

  const TrainingChunks& chunks_;
  const TrainerOptions& options_;
  const TrainingObserver& observer_;
  ChunkOrder order_;
  std::unique_ptr<OptimizerStep> optimizer_;
  NamedTensors best_;  // weights of the best evaluation; empty without held-out text
  TrainingSummary summary_;
  StepResult last_;
  std::vector<int32_t> batch_;
  int64_t batches_ = 0;
  int64_t tokens_ = 0;
  double seconds_before_ = 0;
  Stopwatch begin_;
  Stopwatch saved_;
};

}  // namespace

absl::StatusOr<TrainingResult> Train(Transformer initial, const TrainingChunks& chunks,
                                     const TrainerOptions& options,
                                     const TrainingObserver& observer) {
  RETURN_IF_ERROR(Validate(options.hyperparameters, initial.config));
  if (options.batch < 1) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "HYPERPARAMETERS_INVALID",
        {.what = absl::StrCat("batch: ", options.batch, " found; must be at least 1")});
  }
  if (chunks.train.count() < 1) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "TOO_LITTLE_TEXT",
        {.what = "training text: no whole chunk found; must be at least one", .fix = "add text"});
  }
  Run run(chunks, options, observer);
  RETURN_IF_ERROR(run.Start(std::move(initial)));
  RETURN_IF_ERROR(run.Go());
  return run.Finish();
}

}  // namespace kalavai

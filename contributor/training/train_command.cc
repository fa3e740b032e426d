#include "contributor/training/train_command.h"

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "CLI/CLI.hpp"
#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/cli/console.h"
#include "common/cli/device_option.h"
#include "common/cli/number_checks.h"
#include "common/model/determinism.h"
#include "contributor/training/specialist_trainer.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::string workspace;
  std::vector<std::string> files;
  int64_t pilot = 0;
  int64_t steps = 400;
  double learning_rate = 5e-5;
  int64_t batch = 16;
  int64_t micro_batch = 8;
  double weight_decay = 0.1;
  uint64_t seed = 1;
  std::string precision = "bf16";
  int64_t patience = 3;
  int64_t held_out_chunks = 128;
  int64_t save_seconds = 300;
  bool activation_checkpointing = false;
  int64_t threads = 0;
  std::string device = "cpu";
  bool restart = false;
};

void Configure(Flags& flags, CLI::App& app) {
  AddWorkspaceOption(app, &flags.workspace);
  app.add_option("--data", flags.files, "your text: .txt or .jsonl (field text); repeatable")
      ->type_name("FILE")
      ->required();
  app.add_option(
         "--pilot", flags.pilot,
         "only the first N steps (100 without a number), then a forecast; 'train' goes on from "
         "there")
      ->type_name("N")
      ->expected(0, 1)
      ->default_str("100")
      ->check(WholeAboveZero());
  app.add_option("--steps", flags.steps, "optimizer steps of the whole run")
      ->check(WholeAboveZero())
      ->capture_default_str();
  app.add_option("--learning-rate", flags.learning_rate,
                 "peak; 5e-5 suits bases of 100 million weights and more, 1e-3 tiny ones")
      ->check(Positive())
      ->capture_default_str();
  app.add_option("--batch", flags.batch, "chunks a step")
      ->check(WholeAboveZero())
      ->capture_default_str();
  app.add_option("--micro-batch", flags.micro_batch, "chunks in memory at once")
      ->check(WholeAboveZero())
      ->capture_default_str();
  app.add_option("--weight-decay", flags.weight_decay)->check(NotNegative())->capture_default_str();
  app.add_option("--seed", flags.seed, "of the order of the text")
      ->check(AnyUnsigned())
      ->capture_default_str();
  app.add_option("--precision", flags.precision,
                 "bf16: float32 weights, bfloat16 arithmetic; float32; bf16-pure: as the paper")
      ->check(CLI::IsMember({"bf16", "float32", "bf16-pure"}))
      ->capture_default_str();
  app.add_flag("--activation-checkpointing", flags.activation_checkpointing,
               "keep less memory between forward and backward, for about a third more time");
  app.add_option("--patience", flags.patience,
                 "stop after so many of the eight evaluations without a better one; 0: never")
      ->check(WholeFromZero())
      ->capture_default_str();
  app.add_option("--held-out-chunks", flags.held_out_chunks,
                 "chunks of held-out text to measure on; 0: all")
      ->check(WholeFromZero())
      ->capture_default_str();
  app.add_option("--save-seconds", flags.save_seconds, "save the training state so often")
      ->check(WholeAboveZero())
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "0: one a core")
      ->check(WholeBetween(0, limits::kFusionThreadsMax))
      ->capture_default_str();
  AddDeviceOption(app, &flags.device);
  app.add_flag("--restart", flags.restart, "train anew, whatever an earlier run left");
}

absl::StatusOr<SpecialistOptions> OptionsOf(const Flags& flags) {
  const Workspace workspace(flags.workspace);
  ASSIGN_OR_RETURN(const Membership member, workspace.LoadMembership());
  SpecialistOptions options;
  ASSIGN_OR_RETURN(options.device, OpenDevice(flags.device));
  ASSIGN_OR_RETURN(options.base_directory, workspace.VerifiedBase());
  options.specialist_directory = workspace.SpecialistDirectory();
  options.training_directory = workspace.TrainingDirectory();
  options.files = flags.files;
  options.hyperparameters = {.learning_rate = flags.learning_rate,
                             .warmup_steps = flags.steps / 10,
                             .steps = flags.steps,
                             .weight_decay = flags.weight_decay,
                             .freeze_depth = member.freeze_depth,
                             .micro_batch = flags.micro_batch};
  ASSIGN_OR_RETURN(options.precision, PrecisionFromName(flags.precision));
  options.activation_checkpointing = flags.activation_checkpointing;
  options.chunk_tokens = member.chunk_tokens;
  options.batch = flags.batch;
  options.pilot_steps = flags.pilot;
  options.held_out_chunks = flags.held_out_chunks;
  options.patience = flags.patience;
  options.seed = flags.seed;
  options.restart = flags.restart;
  options.save_interval = absl::Seconds(flags.save_seconds);
  return options;
}

std::string Describe(const SpecialistReport& report) {
  const TrainingSummary& summary = report.summary;
  std::string text = absl::StrFormat(
      "%s: %d steps, %s, %.0f tokens/s\n"
      "held-out loss of your text, nats/token: base %.4f, specialist %.4f%s\n"
      "divergence: %.2f %%\n",
      report.pilot ? "pilot" : "specialist", summary.steps,
      absl::FormatDuration(absl::Trunc(absl::Seconds(summary.seconds), absl::Milliseconds(100))),
      summary.tokens_per_second, report.base_loss, report.own_loss,
      report.extrapolated
          ? absl::StrFormat(" (forecast for %d steps, ± %.1f %%; measured now: %.4f)",
                            report.planned_steps, report.error_percent, report.measured_loss)
          : "",
      report.DivergencePercent());
  if (summary.stopped_early) {
    absl::StrAppend(&text, "stopped early: the best was step ", summary.best_step, "\n");
  }
  if (summary.undone_steps > 0) {
    absl::StrAppend(&text, summary.undone_steps, " batches were skipped: loss not finite\n");
  }
  absl::StrAppend(&text, "next: kalavai ", report.pilot ? "predict" : "submit");
  return text;
}

absl::Status Train(const Flags& flags, Console& console) {
  RETURN_IF_ERROR(SetThreads(flags.threads));
  ASSIGN_OR_RETURN(const SpecialistOptions options, OptionsOf(flags));
  std::optional<Progress> progress;
  const TrainingListener listener = {
      .note = [&](absl::string_view text) { console.Note(text); },
      .warn = [&](absl::string_view text) { console.Warn(text); },
      .progress = [&](const TrainingProgress& now) -> absl::Status {
        if (!progress.has_value()) progress.emplace(console, "Training", now.steps, "steps");
        const std::string held_out = now.held_out_loss.has_value()
                                         ? absl::StrFormat(", held out %.3f", *now.held_out_loss)
                                         : "";
        progress->Update(now.step, absl::StrFormat("loss %.3f%s, %.0f tokens/s", now.loss, held_out,
                                                   now.tokens_per_second));
        if (Interrupted()) return InterruptedError("run the same command again; it continues here");
        return absl::OkStatus();
      }};
  ASSIGN_OR_RETURN(const SpecialistReport report, TrainSpecialist(options, listener));
  if (progress.has_value()) progress->Finish();
  if (!report.pilot && report.DivergencePercent() <= 0) {
    console.Warn(
        "the specialist is no better than the base on your own text: it would be "
        "quarantined; train longer, or with a higher --learning-rate");
  }
  console.Result(report.ToJson(), Describe(report));
  return absl::OkStatus();
}

}  // namespace

Command MakeTrainCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "train",
          .summary = "train your specialist; your text stays here",
          .details =
              "  kalavai train --data notes.jsonl --pilot 100 --steps 2000\n"
              "  kalavai train --data notes.jsonl --steps 2000\n\n"
              "Interrupted, it saves its state; the same command continues. A tenth of the "
              "documents is never\ntrained on and measures what was learned "
              "(WORKSPACE/training/report.json).\n",
          .configure = [flags](CLI::App& app) { Configure(*flags, app); },
          .run = [flags](Console& console) { return Train(*flags, console); }};
}

}  // namespace kalavai::contributor

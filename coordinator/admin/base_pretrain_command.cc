#include "coordinator/admin/base_pretrain_command.h"

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

#include "CLI/CLI.hpp"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/cli/console.h"
#include "common/cli/device_option.h"
#include "common/cli/number_checks.h"
#include "common/model/determinism.h"
#include "coordinator/admin/base_pretrainer.h"

namespace kalavai::coordinator {
namespace {

struct Flags {
  BasePretrainOptions options;
  int64_t steps = 600;
  double learning_rate = 2e-3;
  int64_t micro_batch = 16;
  std::string family = "gpt_neox";
  std::string precision = "bf16";
  std::string dtype;
  int64_t threads = 0;
  std::string device = "cpu";
};

void Configure(Flags& flags, CLI::App& app) {
  BasePretrainOptions& options = flags.options;
  app.add_option("--out", options.directory, "directory to write; an earlier result is replaced")
      ->type_name("DIR")
      ->required();
  app.add_option("--text", options.files, "public text: .txt or .jsonl; repeatable")
      ->type_name("FILE")
      ->required();
  CLI::Option* const from =
      app.add_option("--from", options.from,
                     "checkpoint to go on from, with its tokenizer; replaces the options of shape")
          ->type_name("DIR")
          ->check(CLI::ExistingDirectory);
  app.add_option("--family", flags.family, "architecture")
      ->check(CLI::IsMember({"gpt_neox", "llama", "qwen2"}))
      ->capture_default_str()
      ->excludes(from);
  const auto number = [&app](const char* name, int64_t& value, const char* text) {
    return app.add_option(name, value, text)->check(WholeAboveZero())->capture_default_str();
  };
  number("--vocabulary", options.vocabulary, "tokens of the tokenizer, at most")->excludes(from);
  number("--hidden", options.hidden_size, "width")->excludes(from);
  number("--layers", options.layer_count, "blocks")->excludes(from);
  number("--heads", options.head_count, "attention heads; must divide the width")->excludes(from);
  app.add_option("--kv-heads", options.kv_head_count,
                 "heads of keys and values, each shared by several query heads (llama, qwen2); 0: "
                 "as many as query heads")
      ->check(WholeFromZero())
      ->capture_default_str()
      ->excludes(from);
  number("--chunk-tokens", options.chunk_tokens, "tokens of a training chunk");
  number("--context", options.context_length, "longest text the model can read, tokens")
      ->excludes(from);
  number("--steps", flags.steps, "optimizer steps");
  number("--batch", options.batch, "chunks a step");
  number("--micro-batch", flags.micro_batch, "chunks in memory at once");
  app.add_option("--learning-rate", flags.learning_rate, "peak")
      ->check(Positive())
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of the first weights and of the order")
      ->check(AnyUnsigned())
      ->capture_default_str();
  app.add_option("--precision", flags.precision, "of the arithmetic")
      ->check(CLI::IsMember({"bf16", "float32"}))
      ->capture_default_str();
  app.add_option("--dtype", flags.dtype,
                 "of the weights in the file (default: that of --from, or bfloat16)")
      ->check(CLI::IsMember({"bfloat16", "float32"}));
  app.add_option("--threads", flags.threads, "0: one a core")
      ->check(WholeBetween(0, limits::kFusionThreadsMax))
      ->capture_default_str();
  AddDeviceOption(app, &flags.device);
}

std::string NextCommand(const BasePretrainOptions& options) {
  if (options.from.empty()) {
    return absl::StrCat("kalavai-coordinator base import --cooperative NAME ", options.directory);
  }
  return absl::StrCat("kalavai-coordinator fuse --cooperative NAME --reference monolithic=",
                      options.directory);
}

absl::Status Pretrain(const Flags& flags, Console& console) {
  RETURN_IF_ERROR(SetThreads(flags.threads));
  BasePretrainOptions options = flags.options;
  options.hyperparameters = {.learning_rate = flags.learning_rate,
                             .warmup_steps = flags.steps / 10,
                             .steps = flags.steps,
                             .micro_batch = flags.micro_batch};
  ASSIGN_OR_RETURN(options.family, FamilyFromName(flags.family));
  ASSIGN_OR_RETURN(options.precision, PrecisionFromName(flags.precision));
  ASSIGN_OR_RETURN(options.device, OpenDevice(flags.device));
  if (!flags.dtype.empty()) {
    options.stored_type = flags.dtype == "float32" ? WeightType::kFloat32 : WeightType::kBfloat16;
  }
  std::optional<Progress> progress;
  const BasePretrainListener listener = {
      .note = [&](absl::string_view text) { console.Note(text); },
      .progress = [&](const TrainingProgress& now) -> absl::Status {
        if (!progress.has_value()) progress.emplace(console, "Pre-training", now.steps, "steps");
        progress->Update(
            now.step, absl::StrFormat("loss %.3f, %.0f tokens/s", now.loss, now.tokens_per_second));
        if (Interrupted()) return InterruptedError("run the same command again; it starts anew");
        return absl::OkStatus();
      }};
  ASSIGN_OR_RETURN(const BasePretrainReport report, PretrainBase(options, listener));
  if (progress.has_value()) progress->Finish();
  const TrainingSummary& summary = report.summary;
  console.Result(
      {{"directory", options.directory},
       {"from", options.from},
       {"parameters", report.parameters},
       {"vocabulary", report.vocabulary},
       {"train_chunks", report.train_chunks},
       {"held_out_chunks", report.held_out_chunks},
       {"held_out_loss", report.held_out_loss},
       {"bytes_per_token", report.bytes_per_token},
       {"steps", summary.steps},
       {"seconds", summary.seconds},
       {"tokens_per_second", summary.tokens_per_second},
       {"seed", options.seed}},
      absl::StrFormat("%s of %.2f million weights in %s: %d steps, %s, %.0f tokens/s\n"
                      "held-out loss %.4f nats/token, %.3f nats/byte\nnext: %s",
                      options.from.empty() ? "base" : "model",
                      static_cast<double>(report.parameters) / 1e6, options.directory,
                      summary.steps, HumanDuration(absl::Seconds(summary.seconds)),
                      summary.tokens_per_second, report.held_out_loss,
                      report.held_out_loss / report.bytes_per_token, NextCommand(options)));
  return absl::OkStatus();
}

}  // namespace

Command MakeBasePretrainCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "base pretrain",
          .summary = "train a small base on public text, or go on from one",
          .details =
              "  kalavai-coordinator base pretrain --out base --text general.txt --text "
              "news.jsonl\n"
              "  kalavai-coordinator base pretrain --from base --out pooled --text a.jsonl "
              "--text b.jsonl\n\n"
              "For demos and for languages no published base knows; else import a published "
              "GPT-NeoX\n(Pythia), Llama or Qwen2 checkpoint with 'base import'. With --from, "
              "training goes "
              "on from a\ncheckpoint: on pooled text, the model that 'fuse --reference' compares "
              "with.\n",
          .configure = [flags](CLI::App& app) { Configure(*flags, app); },
          .run = [flags](Console& console) { return Pretrain(*flags, console); }};
}

}  // namespace kalavai::coordinator

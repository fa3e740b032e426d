#include "contributor/training/evaluate_command.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "CLI/CLI.hpp"
#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/cli/console.h"
#include "common/cli/device_option.h"
#include "common/cli/number_checks.h"
#include "common/model/determinism.h"
#include "common/storage/atomic_file.h"
#include "contributor/training/model_evaluation.h"
#include "contributor/training/named_text.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {
namespace {

constexpr int64_t kOwnChunks = 128;  // of a member's text, as 'train' measures

struct Flags {
  std::string workspace;
  bool own = false;
  std::string model;
  std::vector<std::string> data;
  int64_t sequence_length = 0;
  int64_t chunks_max = -1;  // -1: not given
  std::string packing = "training";
  std::string dtype = "float32";
  int64_t threads = 0;
  std::string device = "cpu";
};

void Configure(Flags& flags, CLI::App& app) {
  AddWorkspaceOption(app, &flags.workspace);
  app.add_flag("--own", flags.own,
               "base and specialist on the held-out part of the text you trained with");
  app.add_option("--model", flags.model,
                 "a model directory; needs no workspace (default: your specialist)")
      ->type_name("DIR");
  app.add_option("--data", flags.data,
                 "a text to measure on: a .txt or .jsonl file, or a directory of such; repeatable")
      ->type_name("NAME=PATH");
  app.add_option(
         "--sequence-length,--chunk-tokens", flags.sequence_length,
         "tokens of a chunk (default: 512 as in the paper, or the model's context when that "
         "is less; without --model the cooperative's)")
      ->type_name("N")
      ->check(WholeBetween(2, 1 << 20));
  app.add_option(
         "--max-chunks,--chunks", flags.chunks_max,
         "at most so many chunks a text, spread over it (reference packing: its first); 0: all "
         "(default: all; without --model 128)")
      ->type_name("N")
      ->check(WholeFromZero());
  app.add_option("--packing", flags.packing,
                 "training: as 'train' packs; reference: texts joined by a blank line, no token "
                 "added")
      ->check(CLI::IsMember({"training", "reference"}))
      ->capture_default_str();
  app.add_option("--dtype", flags.dtype, "what weights and activations are computed in")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "0: one a core")
      ->check(WholeBetween(0, limits::kFusionThreadsMax))
      ->capture_default_str();
  AddDeviceOption(app, &flags.device);
}

// The files the specialist was trained from, as report.json remembers them.
absl::StatusOr<std::vector<std::string>> TrainedFiles(const Workspace& workspace) {
  RETURN_IF_ERROR(workspace.LoadTrainingReport().status());
  ASSIGN_OR_RETURN(const std::string text,
                   ReadFileBounded(workspace.TrainingReportFile(), limits::kJsonBytesMax));
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadJson(text));
  std::vector<std::string> files;
  if (const auto list = json.find("files"); list != json.end() && list->is_array()) {
    for (const nlohmann::json& file : *list) {
      if (file.is_string()) files.push_back(file.get<std::string>());
    }
  }
  if (files.empty()) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "NOT_TRAINED",
        {.what = absl::StrCat(workspace.TrainingReportFile(), ": names no text it was measured on"),
         .fix = "kalavai train --data FILE"});
  }
  return files;
}

// A named model is measured the same whatever workspace there is.
absl::StatusOr<EvaluationOptions> OptionsOf(const Flags& flags, const Workspace& workspace) {
  EvaluationOptions options = {
      .chunk_tokens = flags.sequence_length,
      .chunks_max = flags.chunks_max,
      .type = flags.dtype == "bfloat16" ? WeightType::kBfloat16 : WeightType::kFloat32,
      .packing = flags.packing == "reference" ? Packing::kReference : Packing::kTraining};
  if (flags.chunks_max < 0) options.chunks_max = flags.model.empty() ? kOwnChunks : 0;
  ASSIGN_OR_RETURN(options.device, OpenDevice(flags.device));
  if (flags.sequence_length == 0 && flags.model.empty() && workspace.HasJoined()) {
    ASSIGN_OR_RETURN(const Membership member, workspace.LoadMembership());
    options.chunk_tokens = member.chunk_tokens;
  }
  return options;
}

absl::Status EvaluateOwnText(const Flags& flags, const Workspace& workspace, Console& console) {
  ASSIGN_OR_RETURN(const std::string base, workspace.VerifiedBase());
  ASSIGN_OR_RETURN(const std::string specialist, workspace.TrainedSpecialist());
  ASSIGN_OR_RETURN(const std::vector<std::string> files, TrainedFiles(workspace));
  ASSIGN_OR_RETURN(const EvaluationOptions options, OptionsOf(flags, workspace));
  ASSIGN_OR_RETURN(const OwnEvaluation own, EvaluateOwn(base, specialist, files, options));
  const nlohmann::json json = {{"base_loss", own.base_loss},
                               {"own_loss", own.own_loss},
                               {"divergence_percent", own.divergence_percent},
                               {"kl_divergence", own.kl_divergence},
                               {"bytes_per_token", own.bytes_per_token},
                               {"held_out_chunks", own.chunks},
                               {"held_out_tokens", own.tokens}};
  console.Result(
      json, absl::StrFormat("held-out part of your text: %d chunks, %d tokens, %.2f bytes a token\n"
                            "loss, nats/token: base %.4f (perplexity %.1f), specialist %.4f "
                            "(perplexity %.1f)\n"
                            "divergence: %.2f %%   KL(specialist || base): %.4f nats/token\n"
                            "next: kalavai submit",
                            own.chunks, own.tokens, own.bytes_per_token, own.base_loss,
                            std::exp(own.base_loss), own.own_loss, std::exp(own.own_loss),
                            own.divergence_percent, own.kl_divergence));
  return absl::OkStatus();
}

// One line of progress a text.
class EvaluationProgress {
 public:
  explicit EvaluationProgress(Console& console) : console_(console) {}

  absl::Status Update(const std::string& name, int64_t done, int64_t total) {
    if (Interrupted()) return InterruptedError("run the same command again");
    if (name != name_ || !progress_.has_value()) {
      progress_.reset();
      progress_.emplace(console_, absl::StrCat("Measuring ", name), total, "chunks");
      name_ = name;
    }
    progress_->Update(done);
    return absl::OkStatus();
  }

 private:
  Console& console_;
  std::string name_;
  std::optional<Progress> progress_;
};

void Print(const std::vector<TextLoss>& losses, Console& console) {
  nlohmann::json domains = nlohmann::json::object();
  std::string human = absl::StrFormat("%-20s %12s %12s %12s %12s\n", "text", "nats/token",
                                      "bits/byte", "bytes/token", "tokens");
  for (const TextLoss& loss : losses) {
    domains[loss.name] = {
        {"loss", loss.loss}, {"tokens", loss.tokens}, {"bits_per_byte", loss.BitsPerByte()}};
    absl::StrAppend(&human,
                    absl::StrFormat("%-20s %12.4f %12.4f %12.2f %12d\n", loss.name, loss.loss,
                                    loss.BitsPerByte(), loss.BytesPerToken(), loss.tokens));
  }
  const double ew = EqualWeightLoss(losses);
  absl::StrAppend(&human, absl::StrFormat("%-20s %12.4f", "EW (mean)", ew));
  console.Result({{"domains", domains}, {"ew", ew}}, human);
}

absl::Status EvaluateTexts(const Flags& flags, const Workspace& workspace, Console& console) {
  if (flags.data.empty()) {
    return UsageError("nothing to measure on", "pass --data NAME=PATH, or --own");
  }
  ASSIGN_OR_RETURN(const std::vector<NamedText> texts, ParseNamedTexts(flags.data));
  std::string model = flags.model;
  if (model.empty()) {
    ASSIGN_OR_RETURN(model, workspace.TrainedSpecialist());
  }
  ASSIGN_OR_RETURN(EvaluationOptions options, OptionsOf(flags, workspace));
  std::vector<TextLoss> losses;
  {
    EvaluationProgress progress(console);
    options.progress = [&](const std::string& name, int64_t done, int64_t total) {
      return progress.Update(name, done, total);
    };
    ASSIGN_OR_RETURN(losses, EvaluateModel(model, texts, options));
  }
  Print(losses, console);
  return absl::OkStatus();
}

absl::Status Evaluate(const Flags& flags, Console& console) {
  if (flags.own && (!flags.model.empty() || !flags.data.empty())) {
    return UsageError("--own measures your own text with your specialist",
                      "leave out --model and --data");
  }
  if (flags.own && flags.packing == "reference") {
    return UsageError("--own measures the documents that 'train' held out",
                      "leave out --packing reference, or pass --data NAME=PATH");
  }
  RETURN_IF_ERROR(SetThreads(flags.threads));
  const Workspace workspace(flags.workspace);
  return flags.own ? EvaluateOwnText(flags, workspace, console)
                   : EvaluateTexts(flags, workspace, console);
}

}  // namespace

Command MakeEvaluateCommand() {
  auto flags = std::make_shared<Flags>();
  return {
      .name = "evaluate",
      .summary = "measure losses: your specialist against the base, or any model on any text",
      .details =
          "  kalavai evaluate --own\n"
          "  kalavai evaluate --model base/ --data legal=judgments.jsonl --data news=news.txt\n"
          "  kalavai evaluate --model smollm2/ --data welsh=corpora/welsh/ --packing reference "
          "--max-chunks 64\n"
          "\n"
          "Of a directory the .txt and .jsonl files are read, by name. Every text is measured "
          "alone, in chunks\nof --sequence-length tokens; a chunk of n tokens holds n - 1 "
          "predictions; what does not fill the\nlast chunk is left out. With --model nothing "
          "of a workspace is read.\n"
          "--format json: {\"domains\": {NAME: {\"loss\": nats a token, \"tokens\": predictions, "
          "\"bits_per_byte\"}}, \"ew\": mean loss}\n",
      .configure = [flags](CLI::App& app) { Configure(*flags, app); },
      .run = [flags](Console& console) { return Evaluate(*flags, console); }};
}

}  // namespace kalavai::contributor

#include "contributor/training/evaluate_command.h"

#include <cmath>
#include <cstdint>
#include <memory>
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
#include "common/model/determinism.h"
#include "common/storage/atomic_file.h"
#include "contributor/training/model_evaluation.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::string workspace;
  bool own = false;
  std::string model;
  std::vector<std::string> data;
  int64_t chunk_tokens = 0;
  int64_t chunks = 128;
  int64_t threads = 0;
  std::string device = "cpu";
};

void Configure(Flags& flags, CLI::App& app) {
  AddWorkspaceOption(app, &flags.workspace);
  app.add_flag("--own", flags.own,
               "base and specialist on the held-out part of the text you trained with");
  app.add_option("--model", flags.model, "a model directory; default: your specialist")
      ->type_name("DIR");
  app.add_option("--data", flags.data, "a text to evaluate on; repeatable")->type_name("NAME=FILE");
  app.add_option("--chunk-tokens", flags.chunk_tokens, "default: the cooperative's, else 256")
      ->check(CLI::Range(2, 1 << 20));
  app.add_option("--chunks", flags.chunks, "at most so many chunks a text; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "0: one a core")
      ->check(CLI::NonNegativeNumber)
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

absl::StatusOr<EvaluationOptions> OptionsOf(const Flags& flags, const Workspace& workspace) {
  EvaluationOptions options = {.chunks_max = flags.chunks};
  ASSIGN_OR_RETURN(options.device, OpenDevice(flags.device));
  if (flags.chunk_tokens > 0) {
    options.chunk_tokens = flags.chunk_tokens;
  } else if (workspace.HasJoined()) {
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

absl::StatusOr<std::vector<NamedText>> TextsOf(const std::vector<std::string>& data) {
  std::vector<NamedText> texts;
  for (const std::string& entry : data) {
    const size_t equals = entry.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == entry.size()) {
      return UsageError(absl::StrCat("--data ", entry, ": must be NAME=FILE"),
                        "e.g. --data legal=judgments.jsonl");
    }
    texts.push_back({.name = entry.substr(0, equals), .files = {entry.substr(equals + 1)}});
  }
  if (texts.empty()) {
    return UsageError("nothing to evaluate on", "pass --own, or --data NAME=FILE");
  }
  return texts;
}

absl::Status EvaluateTexts(const Flags& flags, const Workspace& workspace, Console& console) {
  ASSIGN_OR_RETURN(const std::vector<NamedText> texts, TextsOf(flags.data));
  std::string model = flags.model;
  if (model.empty()) {
    ASSIGN_OR_RETURN(model, workspace.TrainedSpecialist());
  }
  ASSIGN_OR_RETURN(const EvaluationOptions options, OptionsOf(flags, workspace));
  ASSIGN_OR_RETURN(const std::vector<TextLoss> losses, EvaluateModel(model, texts, options));
  nlohmann::json list = nlohmann::json::array();
  std::string human =
      absl::StrFormat("%-20s %10s %12s %8s\n", "text", "nats/token", "bytes/token", "tokens");
  for (const TextLoss& loss : losses) {
    list.push_back({{"name", loss.name},
                    {"loss", loss.loss},
                    {"bytes_per_token", loss.bytes_per_token},
                    {"chunks", loss.chunks},
                    {"tokens", loss.tokens}});
    absl::StrAppend(&human, absl::StrFormat("%-20s %10.4f %12.2f %8d\n", loss.name, loss.loss,
                                            loss.bytes_per_token, loss.tokens));
  }
  human.pop_back();
  console.Result({{"model", model}, {"texts", list}}, human);
  return absl::OkStatus();
}

absl::Status Evaluate(const Flags& flags, Console& console) {
  if (flags.own && (!flags.model.empty() || !flags.data.empty())) {
    return UsageError("--own measures your own text with your specialist",
                      "leave out --model and --data");
  }
  RETURN_IF_ERROR(SetThreads(flags.threads));
  const Workspace workspace(flags.workspace);
  return flags.own ? EvaluateOwnText(flags, workspace, console)
                   : EvaluateTexts(flags, workspace, console);
}

}  // namespace

Command MakeEvaluateCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "evaluate",
          .summary = "measure losses: your specialist against the base, or any model on any text",
          .details =
              "  kalavai evaluate --own\n"
              "  kalavai evaluate --model base/ --data legal=judgments.jsonl --data "
              "news=news.txt\n",
          .configure = [flags](CLI::App& app) { Configure(*flags, app); },
          .run = [flags](Console& console) { return Evaluate(*flags, console); }};
}

}  // namespace kalavai::contributor

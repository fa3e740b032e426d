#include "contributor/inference/generate_command.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "CLI/CLI.hpp"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/cli/console.h"
#include "common/cli/device_option.h"
#include "common/cli/number_checks.h"
#include "common/model/determinism.h"
#include "contributor/inference/text_generation.h"
#include "contributor/tokenizer/text_lines.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::string model;
  std::optional<std::string> prompt;
  std::optional<std::string> prompt_file;
  int64_t tokens_max = 128;
  double temperature = 0;
  double top_p = 1;
  int64_t top_k = 0;
  uint64_t seed = 0;
  std::vector<std::string> stop;
  std::string dtype = "float32";
  int64_t threads = 0;
  std::string device = "cpu";
};

void ConfigureSampling(Flags& flags, CLI::App& app) {
  app.add_option("--temperature", flags.temperature, "0: the most probable token")
      ->check(NumberBetween(0, 100))
      ->capture_default_str();
  app.add_option("--top-p", flags.top_p, "share of the mass to choose from")
      ->check(ShareAboveZero())
      ->capture_default_str();
  app.add_option("--top-k", flags.top_k, "choose from so many tokens; 0: from all")
      ->check(WholeFromZero())
      ->capture_default_str();
  app.add_option("--seed", flags.seed, "the same seed gives the same text")
      ->check(AnyUnsigned())
      ->capture_default_str();
  app.add_option("--stop", flags.stop, "text that ends the answer, not shown; repeatable")
      ->type_name("TEXT")
      ->allow_extra_args(false);
}

void Configure(Flags& flags, CLI::App& app) {
  app.add_option("--model", flags.model,
                 "a model directory: config.json, tokenizer.json, model.safetensors")
      ->type_name("DIR")
      ->required();
  // Functions, because CLI11 takes an empty word for "not given" with an optional.
  app.add_option_function<std::string>(
         "--prompt", [&flags](const std::string& text) { flags.prompt = text; },
         "the text to go on with")
      ->type_name("TEXT");
  app.add_option_function<std::string>(
         "--prompt-file", [&flags](const std::string& path) { flags.prompt_file = path; },
         "a file that holds it, byte for byte; - reads standard input")
      ->type_name("FILE");
  app.add_option("--max-tokens", flags.tokens_max, "most tokens of the answer")
      ->type_name("N")
      ->check(WholeBetween(1, 1 << 20))
      ->capture_default_str();
  ConfigureSampling(flags, app);
  app.add_option("--dtype", flags.dtype, "what weights and activations are computed in")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "0: one a core")
      ->check(WholeBetween(0, limits::kFusionThreadsMax))
      ->capture_default_str();
  AddDeviceOption(app, &flags.device);
}

absl::StatusOr<std::string> PromptOf(const Flags& flags) {
  if (flags.prompt.has_value() == flags.prompt_file.has_value()) {
    return UsageError(flags.prompt.has_value() ? "--prompt and --prompt-file found; must be one"
                                               : "no prompt found; must be given",
                      "pass --prompt TEXT, or --prompt-file FILE ('-' reads standard input)");
  }
  if (flags.prompt.has_value()) return *flags.prompt;
  ASSIGN_OR_RETURN(const std::string text, ReadInput(*flags.prompt_file));
  RETURN_IF_ERROR(CheckText(text, NameOf(*flags.prompt_file)));
  return text;
}

nlohmann::json JsonOf(const GeneratedText& answer) {
  const auto completion = static_cast<int64_t>(answer.token_ids.size());
  return {{"text", answer.text},
          {"token_ids", answer.token_ids},
          {"finish_reason", answer.finish_reason},
          {"usage",
           {{"prompt_tokens", answer.prompt_tokens},
            {"completion_tokens", completion},
            {"total_tokens", answer.prompt_tokens + completion}}}};
}

absl::Status Generate(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const std::string prompt, PromptOf(flags));
  RETURN_IF_ERROR(SetThreads(flags.threads));
  TextGenerationOptions options = {
      .prompt = prompt,
      .tokens_max = flags.tokens_max,
      .sampling = {.temperature = flags.temperature,
                   .top_p = flags.top_p,
                   .seed = flags.seed,
                   .top_k = flags.top_k},
      .stop = flags.stop,
      .type = flags.dtype == "bfloat16" ? WeightType::kBfloat16 : WeightType::kFloat32,
      .on_text = [&](absl::string_view text) -> absl::Status {
        console.Stream(text);
        if (Interrupted()) return InterruptedError("run the same command again");
        return absl::OkStatus();
      }};
  ASSIGN_OR_RETURN(options.device, OpenDevice(flags.device));
  ASSIGN_OR_RETURN(const GeneratedText answer, GenerateText(flags.model, options));
  console.Stream("\n");
  if (console.format() == OutputFormat::kJson) console.Result(JsonOf(answer), "");
  console.Note(absl::StrCat(answer.prompt_tokens, " + ", answer.token_ids.size(),
                            " tokens, ended by ", answer.finish_reason));
  return absl::OkStatus();
}

}  // namespace

Command MakeGenerateCommand() {
  auto flags = std::make_shared<Flags>();
  return {
      .name = "generate",
      .summary = "let one model go on with a text, without a coordinator",
      .details =
          "  kalavai generate --model base/ --prompt \"The tenant may terminate\"\n"
          "  kalavai generate --model base/ --prompt \"Bore da\" --temperature 0.8 --top-p 0.95 "
          "--seed 7\n"
          "  kalavai generate --model base/ --prompt-file - --max-tokens 40 --stop '.' < "
          "start.txt\n"
          "\n"
          "The text comes as it is made. It ends at a token config.json names in eos_token_id, "
          "at --stop, after\n--max-tokens, or where prompt and answer fill the model's "
          "context. No begin-of-text token is added;\nspecial tokens in the prompt are "
          "recognised.\n"
          "--format json: {\"text\", \"token_ids\", \"finish_reason\": \"stop\" or \"length\", "
          "\"usage\": {\"prompt_tokens\",\n\"completion_tokens\", \"total_tokens\"}}\n",
      .configure = [flags](CLI::App& app) { Configure(*flags, app); },
      .run = [flags](Console& console) { return Generate(*flags, console); }};
}

}  // namespace kalavai::contributor

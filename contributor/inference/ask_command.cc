#include "contributor/inference/ask_command.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "grpcpp/client_context.h"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/cli/number_checks.h"
#include "common/rpc/channel.h"
#include "common/rpc/request_texts.h"
#include "common/rpc/resource_name.h"
#include "contributor/coordinator_connection.h"
#include "contributor/workspace.h"
#include "kalavai/v1/inference.grpc.pb.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::string workspace;
  std::string prompt;
  std::string model;
  int32_t tokens = 64;
  double temperature = 0;
  double top_p = 1;
  uint64_t seed = 0;
  std::vector<std::string> stop;
};

std::string NameOf(const v1::ExpertShare& expert) {
  if (expert.domain().empty()) return expert.expert();
  return absl::StrCat(expert.expert(), " (", expert.domain(), ")");
}

// "legal-de (legal) 93 %, base 7 %", the most heard first.
std::string WhoSpoke(const v1::Usage& usage) {
  std::vector<v1::ExpertShare> experts(usage.experts().begin(), usage.experts().end());
  std::stable_sort(
      experts.begin(), experts.end(),
      [](const v1::ExpertShare& a, const v1::ExpertShare& b) { return a.share() > b.share(); });
  std::string text;
  for (const v1::ExpertShare& expert : experts) {
    absl::StrAppendFormat(&text, "%s%s %.0f %%", text.empty() ? "" : ", ", NameOf(expert),
                          100 * expert.share());
    if (expert.dropped()) absl::StrAppend(&text, " (left out: it overflows on this text)");
  }
  return text;
}

nlohmann::json UsageJson(const v1::Usage& usage) {
  nlohmann::json experts = nlohmann::json::array();
  for (const v1::ExpertShare& expert : usage.experts()) {
    experts.push_back({{"expert", expert.expert()},
                       {"domain", expert.domain()},
                       {"share", expert.share()},
                       {"dropped", expert.dropped()}});
  }
  return {{"prompt_tokens", usage.prompt_tokens()},
          {"output_tokens", usage.output_tokens()},
          {"experts", experts},
          {"model_digest", usage.model_digest()}};
}

v1::GenerateRequest RequestOf(const Flags& flags, const Membership& membership) {
  v1::GenerateRequest request;
  request.set_model(flags.model.empty() ? membership.cooperative
                                        : ModelName(membership.CooperativeId(), flags.model));
  request.set_prompt(flags.prompt);
  request.set_output_tokens_max(flags.tokens);
  request.set_temperature(flags.temperature);
  request.set_top_p(flags.top_p);
  request.set_seed(flags.seed);
  for (const std::string& stop : flags.stop) request.add_stop(stop);
  return request;
}

absl::Status Ask(const Flags& flags, Console& console) {
  const Workspace workspace(flags.workspace);
  ASSIGN_OR_RETURN(const CoordinatorConnection coordinator, Connect(workspace));
  const auto stub = v1::InferenceService::NewStub(coordinator.channel);
  const v1::GenerateRequest request = RequestOf(flags, coordinator.membership);
  RETURN_IF_ERROR(CheckRequestTexts(request));
  grpc::ClientContext context;
  const auto reader = stub->StreamGenerate(&context, request);
  std::string text;
  v1::GenerateResponse message;
  v1::GenerateResponse last;
  while (reader->Read(&message)) {
    if (Interrupted()) {
      context.TryCancel();
      return InterruptedError("ask again");
    }
    console.Stream(message.text());
    text += message.text();
    last = message;
  }
  RETURN_IF_ERROR(CallStatus(reader->Finish(), coordinator.address()));
  console.Stream("\n");
  if (console.format() == OutputFormat::kJson) {
    console.Result({{"text", text},
                    {"finish_reason", last.finish_reason()},
                    {"usage", UsageJson(last.usage())}},
                   "");
  }
  console.Note(absl::StrCat("spoke: ", WhoSpoke(last.usage())));
  console.Note(absl::StrCat("model ", last.usage().model_digest(), ", ",
                            last.usage().prompt_tokens(), " + ", last.usage().output_tokens(),
                            " tokens, ended by ", last.finish_reason()));
  return absl::OkStatus();
}

}  // namespace

Command MakeAskCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "ask",
          .summary = "let the fused model go on with a text, and see who spoke",
          .details =
              "  kalavai ask \"The tenant may terminate\" --tokens 40\n"
              "  kalavai ask \"Bore da\" --temperature 0.8 --seed 7\n",
          .configure =
              [flags](CLI::App& app) {
                AddWorkspaceOption(app, &flags->workspace);
                app.add_option("prompt", flags->prompt, "the text to go on with")->required();
                app.add_option("--model", flags->model, "id of the model (default: the newest)");
                app.add_option("--tokens", flags->tokens, "most tokens of the answer")
                    ->check(WholeBetween(1, 1 << 20))
                    ->capture_default_str();
                app.add_option("--temperature", flags->temperature, "0 = the likeliest token")
                    ->check(NumberBetween(0, 100))
                    ->capture_default_str();
                app.add_option("--top-p", flags->top_p, "share of the mass to choose from")
                    ->check(ShareAboveZero())
                    ->capture_default_str();
                app.add_option("--seed", flags->seed, "the same seed gives the same answer")
                    ->check(AnyUnsigned())
                    ->capture_default_str();
                app.add_option("--stop", flags->stop, "text that ends the answer; repeatable");
              },
          .run = [flags](Console& console) { return Ask(*flags, console); }};
}

}  // namespace kalavai::contributor

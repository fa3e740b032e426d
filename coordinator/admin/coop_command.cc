#include "coordinator/admin/coop_command.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "CLI/CLI.hpp"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/cli/number_checks.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/retry.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/message_json.h"
#include "kalavai/v1/cooperative.grpc.pb.h"

namespace kalavai::coordinator {
namespace {

using Stub = v1::CooperativeAdmin::Stub;

struct Flags {
  AdminFlags admin;
  std::string cooperative;
  std::vector<std::string> domains;
  int32_t freeze_depth = 0;
  int32_t chunk_tokens = 256;
};

std::string Describe(const v1::Cooperative& cooperative,
                     const v1::ListProbeTextsResponse& probe_texts) {
  std::string text =
      absl::StrCat(cooperative.name(), "  ", v1::Cooperative::State_Name(cooperative.state()),
                   "\n  domains       ", absl::StrJoin(cooperative.domains(), ", "),
                   "\n  freeze depth  ", cooperative.freeze_depth(), "\n  chunk tokens  ",
                   cooperative.chunk_tokens(), "\n  base          ",
                   cooperative.base_digest().empty() ? "none yet" : cooperative.base_digest());
  for (const v1::ProbeText& probe : probe_texts.probe_texts()) {
    absl::StrAppend(
        &text, "\n  probe text    ", probe.domain(), probe.public_class() ? " (public class)" : "",
        probe.contributor().empty() ? "" : " (a member's sample)", ": ", probe.router_documents(),
        " documents for the router, ", probe.evaluation_documents(), " for evaluation");
  }
  return text;
}

absl::Status Create(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::CooperativeAdmin::NewStub(connection.channel);
  v1::CreateCooperativeRequest request;
  request.set_cooperative_id(flags.cooperative);
  for (const std::string& domain : flags.domains) {
    request.mutable_cooperative()->add_domains(domain);
  }
  request.mutable_cooperative()->set_freeze_depth(flags.freeze_depth);
  request.mutable_cooperative()->set_chunk_tokens(flags.chunk_tokens);
  ASSIGN_OR_RETURN(
      const v1::Cooperative created,
      CallUnary(connection.address, *stub, &Stub::CreateCooperative, request, {.attempts = 1}));
  console.Result(MessageJson(created), Describe(created, {}));
  console.Note(absl::StrCat("Next: kalavai-coordinator base import --cooperative ",
                            flags.cooperative, " DIRECTORY"));
  return absl::OkStatus();
}

absl::Status ShowAll(const AdminConnection& connection, Stub& stub, Console& console) {
  v1::ListCooperativesRequest request;
  v1::ListCooperativesResponse all;
  do {
    ASSIGN_OR_RETURN(const v1::ListCooperativesResponse page,
                     CallUnary(connection.address, stub, &Stub::ListCooperatives, request));
    all.mutable_cooperatives()->MergeFrom(page.cooperatives());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  std::string text;
  for (const v1::Cooperative& cooperative : all.cooperatives()) {
    absl::StrAppend(&text, text.empty() ? "" : "\n", Describe(cooperative, {}));
  }
  console.Result(MessageJson(all), text.empty() ? "no cooperative yet" : text);
  return absl::OkStatus();
}

absl::Status Show(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::CooperativeAdmin::NewStub(connection.channel);
  if (flags.cooperative.empty()) return ShowAll(connection, *stub, console);
  v1::GetCooperativeRequest request;
  request.set_name(CooperativeName(flags.cooperative));
  ASSIGN_OR_RETURN(const v1::Cooperative cooperative,
                   CallUnary(connection.address, *stub, &Stub::GetCooperative, request));
  v1::ListProbeTextsRequest probe_request;
  probe_request.set_parent(CooperativeName(flags.cooperative));
  ASSIGN_OR_RETURN(const v1::ListProbeTextsResponse probe_texts,
                   CallUnary(connection.address, *stub, &Stub::ListProbeTexts, probe_request));
  nlohmann::json object = MessageJson(cooperative);
  object["probe_texts"] = MessageJson(probe_texts)["probe_texts"];
  console.Result(object, Describe(cooperative, probe_texts));
  return absl::OkStatus();
}

absl::Status Launch(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::CooperativeAdmin::NewStub(connection.channel);
  v1::LaunchCooperativeRequest request;
  request.set_name(CooperativeName(flags.cooperative));
  ASSIGN_OR_RETURN(
      const v1::Cooperative launched,
      CallUnary(connection.address, *stub, &Stub::LaunchCooperative, request, {.attempts = 1}));
  v1::ListProbeTextsRequest texts;
  texts.set_parent(launched.name());
  ASSIGN_OR_RETURN(const v1::ListProbeTextsResponse probe_texts,
                   CallUnary(connection.address, *stub, &Stub::ListProbeTexts, texts));
  std::vector<std::string> without;
  for (const std::string& domain : launched.domains()) {
    if (std::none_of(probe_texts.probe_texts().begin(), probe_texts.probe_texts().end(),
                     [&](const v1::ProbeText& text) { return text.domain() == domain; })) {
      without.push_back(domain);
    }
  }
  nlohmann::json object = MessageJson(launched);
  object["domains_without_probe_text"] = without;
  console.Result(object,
                 absl::StrCat("Launched ", launched.name(), ": the charter is signed and final"));
  if (!without.empty()) {
    console.Note(absl::StrCat(
        "Domains without probe text: ", absl::StrJoin(without, ", "),
        ". A fusion will need a sample that a member of each shares ('kalavai share-sample') or "
        "its gate statistics ('kalavai statistics'), and a text in one domain at least"));
  }
  console.Note(absl::StrCat("Next: kalavai-coordinator invite --cooperative ", flags.cooperative,
                            " --contributor ID --domain ", launched.domains(0)));
  return absl::OkStatus();
}

}  // namespace

Command MakeCoopCreateCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "coop create",
          .summary = "found a cooperative (a draft until 'coop launch')",
          .details =
              "  kalavai-coordinator coop create --cooperative nordic --domains "
              "legal,medical\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddCooperativeFlag(app, flags->cooperative);
                app.add_option("--domains", flags->domains, "fields of text, e.g. legal,medical")
                    ->delimiter(',')
                    ->required();
                app.add_option("--freeze-depth", flags->freeze_depth,
                               "blocks every specialist keeps frozen; 0 trains everything")
                    ->check(WholeBetween(0, limits::kFreezeDepthMax))
                    ->capture_default_str();
                app.add_option("--chunk-tokens", flags->chunk_tokens,
                               "tokens of one evaluation chunk")
                    ->check(WholeBetween(limits::kChunkTokensMin, limits::kChunkTokensMax))
                    ->capture_default_str();
              },
          .run = [flags](Console& console) { return Create(*flags, console); }};
}

Command MakeCoopShowCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "coop show",
          .summary = "show one cooperative, or list all",
          .details =
              "  kalavai-coordinator coop show\n"
              "  kalavai-coordinator coop show --cooperative nordic\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                app.add_option("--cooperative", flags->cooperative,
                               "id of the cooperative; all when left out");
              },
          .run = [flags](Console& console) { return Show(*flags, console); }};
}

Command MakeCoopLaunchCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "coop launch",
          .summary = "sign the charter; nothing in it changes afterwards",
          .details = "  kalavai-coordinator coop launch --cooperative nordic\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddCooperativeFlag(app, flags->cooperative);
              },
          .run = [flags](Console& console) { return Launch(*flags, console); }};
}

}  // namespace kalavai::coordinator

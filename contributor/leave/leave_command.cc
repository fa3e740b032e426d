#include "contributor/leave/leave_command.h"

#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include <CLI/CLI.hpp>
#include <unistd.h>

#include "common/base/status_macros.h"
#include "common/rpc/retry.h"
#include "contributor/coordinator_connection.h"
#include "contributor/workspace.h"
#include "kalavai/v1/cooperative.grpc.pb.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::string workspace;
  std::string comment;
  bool yes = false;
};

// A person types the contributor's id; a script passes --yes.
absl::Status Confirm(const Membership& member, Console& console) {
  if (isatty(STDIN_FILENO) == 0) {
    return UsageError("leave: not confirmed; must be, because it cannot be taken back",
                      "add --yes when standard input is not a terminal");
  }
  console.Note(absl::StrCat("this withdraws ", member.contributor,
                            " for good: its certificate ends, its specialist is masked at once.\n"
                            "type ",
                            member.ContributorId(), " to go on:"));
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == member.ContributorId()) return absl::OkStatus();
  return UsageError("leave: not confirmed; nothing was done",
                    "type the contributor's id, or --yes");
}

absl::Status Leave(const Flags& flags, Console& console) {
  const Workspace workspace(flags.workspace);
  ASSIGN_OR_RETURN(const CoordinatorConnection coordinator, ConnectUnchecked(workspace));
  const Membership& member = coordinator.membership;
  if (!flags.yes) RETURN_IF_ERROR(Confirm(member, console));
  const auto stub = v1::CooperativeAdmin::NewStub(coordinator.channel);
  v1::WithdrawContributorRequest request;
  request.set_name(member.contributor);
  request.set_comment(flags.comment);
  ASSIGN_OR_RETURN(
      const v1::Contributor contributor,
      CallUnary(coordinator.address(), *stub, &v1::CooperativeAdmin::Stub::WithdrawContributor,
                request, {.attempts = 1}));
  const std::string state = v1::Contributor::State_Name(contributor.state());
  console.Result({{"contributor", contributor.name()}, {"state", state}},
                 absl::StrCat(contributor.name(), "  ", state,
                              "\n  the certificate is revoked; the specialist is masked in every "
                              "served model\n  this workspace keeps keys, specialist and receipts\n"
                              "next: remove ",
                              workspace.root(), " when you no longer need it"));
  return absl::OkStatus();
}

}  // namespace

Command MakeLeaveCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "leave",
          .summary = "withdraw this member and its specialist, for good",
          .details = "  kalavai leave --comment \"project ended\"\n  kalavai leave --yes\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_flag("--yes", flags->yes, "do not ask");
                app.add_option("--comment", flags->comment, "for the log")->type_name("TEXT");
                AddWorkspaceOption(app, &flags->workspace);
              },
          .run = [flags](Console& console) { return Leave(*flags, console); }};
}

}  // namespace kalavai::contributor

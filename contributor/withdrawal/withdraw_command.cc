#include "contributor/withdrawal/withdraw_command.h"

#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include <CLI/CLI.hpp>
#include <unistd.h>

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/rpc/request_texts.h"
#include "common/rpc/retry.h"
#include "contributor/coordinator_connection.h"
#include "contributor/withdrawal/erasure.h"
#include "contributor/withdrawal/withdrawal_receipt.h"
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
    return UsageError("withdraw: not confirmed; must be, because it cannot be taken back",
                      "add --yes when standard input is not a terminal");
  }
  console.Note(absl::StrCat("this withdraws ", member.contributor,
                            " for good: its certificate ends, its specialist is silent at once, "
                            "the coordinator deletes its bytes.\ntype ",
                            member.ContributorId(), " to go on:"));
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == member.ContributorId()) return absl::OkStatus();
  return UsageError("withdraw: not confirmed; nothing was done",
                    "type the contributor's id, or --yes");
}

std::string Describe(const v1::Contributor& contributor, const WithdrawalReceipt& receipt,
                     const Erasure& erasure, const Workspace& workspace) {
  const v1::Withdrawal& withdrawal = contributor.withdrawal();
  const size_t kept = receipt.kept.size();
  std::string text = absl::StrCat(
      contributor.name(), "  ", erasure.Headline(),
      "\n  the certificate is revoked; the specialist is silent in every model\n"
      "  deleted at the coordinator: ",
      receipt.deleted.size(), receipt.deleted.size() == 1 ? " file" : " files",
      kept == 0 ? "" : absl::StrCat(" (", kept, " more are the base's or another member's, too)"),
      "\n  receipt ", workspace.WithdrawalReceiptFile(), " (signature and log entry ",
      receipt.record.index, " verified)\n");
  if (!withdrawal.model().empty()) {
    absl::StrAppend(&text, "  served instead: ", withdrawal.model(), "\n");
  } else if (!withdrawal.outcome().empty()) {
    absl::StrAppend(&text, "  the served model goes on without it, masked: ", withdrawal.outcome(),
                    "\n");
  } else if (withdrawal.state() != v1::Withdrawal::DONE &&
             !(withdrawal.masked_model().empty() && withdrawal.fusion().empty())) {
    absl::StrAppend(&text, "  the others' model is being fused again without it\n");
  }
  return absl::StrCat(text, "next: kalavai verify-receipt ", workspace.WithdrawalReceiptFile(),
                      "   # any time, offline\n      keep ", workspace.root(),
                      "/receipts, egress, keys and log; the rest may go");
}

absl::Status Withdraw(const Flags& flags, Console& console) {
  const Workspace workspace(flags.workspace);
  ASSIGN_OR_RETURN(const CoordinatorConnection coordinator, ConnectUnchecked(workspace));
  const Membership& member = coordinator.membership;
  v1::WithdrawContributorRequest request;
  request.set_name(member.contributor);
  request.set_comment(flags.comment);
  RETURN_IF_ERROR(CheckRequestTexts(request));  // before anybody is asked anything
  if (!flags.yes) RETURN_IF_ERROR(Confirm(member, console));
  const auto stub = v1::CooperativeAdmin::NewStub(coordinator.channel);
  // It can be repeated: the coordinator answers with the same receipt.
  ASSIGN_OR_RETURN(const v1::Contributor contributor,
                   CallUnary(coordinator.address(), *stub,
                             &v1::CooperativeAdmin::Stub::WithdrawContributor, request));
  const v1::Withdrawal& withdrawal = contributor.withdrawal();
  ASSIGN_OR_RETURN(const ReceiptKeys keys, LoadReceiptKeys(workspace));
  ASSIGN_OR_RETURN(
      const KeptWithdrawal kept,
      KeepWithdrawalReceipt(workspace, keys, contributor.name(), withdrawal.receipt_envelope()));
  if (!kept.note.empty()) console.Warn(kept.note);
  const WithdrawalReceipt& receipt = *kept.receipt.withdrawal;
  const Erasure erasure = CompareOrWarn(workspace, receipt, console);
  console.Result({{"contributor", contributor.name()},
                  {"state", v1::Contributor::State_Name(contributor.state())},
                  {"files_deleted", receipt.deleted.size()},
                  {"erased", erasure.Erased()},
                  {"not_deleted", erasure.Json()},
                  {"receipt", workspace.WithdrawalReceiptFile()},
                  {"log_index", receipt.record.index},
                  {"masked_model", withdrawal.masked_model()},
                  {"fusion", withdrawal.fusion()},
                  {"model", withdrawal.model()},
                  {"outcome", withdrawal.outcome()}},
                 Describe(contributor, receipt, erasure, workspace));
  return absl::OkStatus();
}

}  // namespace

Command MakeWithdrawCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "withdraw",
          .summary = "leave with the specialist, for good; the receipt says what was deleted",
          .details =
              "  kalavai withdraw --comment \"project ended\"\n"
              "  kalavai withdraw --yes        # no question; again: the same receipt\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_flag("--yes", flags->yes, "do not ask");
                app.add_option("--comment", flags->comment, "for the log, at most 1,000 bytes")
                    ->type_name("TEXT");
                AddWorkspaceOption(app, &flags->workspace);
              },
          .run = [flags](Console& console) { return Withdraw(*flags, console); }};
}

}  // namespace kalavai::contributor

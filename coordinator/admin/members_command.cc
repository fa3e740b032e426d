#include "coordinator/admin/members_command.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/request_texts.h"
#include "common/rpc/retry.h"
#include "common/storage/atomic_file.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/message_json.h"
#include "kalavai/v1/cooperative.grpc.pb.h"
#include "kalavai/v1/submission.grpc.pb.h"

namespace kalavai::coordinator {
namespace {

struct Flags {
  AdminFlags admin;
  std::string cooperative;
  std::string contributor;
  std::string comment;
  std::string receipt;
};

absl::StatusOr<std::vector<v1::Contributor>> FetchMembers(const AdminConnection& connection,
                                                          const std::string& cooperative) {
  const auto stub = v1::CooperativeAdmin::NewStub(connection.channel);
  v1::ListContributorsRequest request;
  request.set_parent(CooperativeName(cooperative));
  std::vector<v1::Contributor> members;
  do {
    ASSIGN_OR_RETURN(const v1::ListContributorsResponse page,
                     CallUnary(connection.address, *stub,
                               &v1::CooperativeAdmin::Stub::ListContributors, request));
    members.insert(members.end(), page.contributors().begin(), page.contributors().end());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return members;
}

absl::StatusOr<std::vector<v1::Submission>> FetchSubmissions(const AdminConnection& connection,
                                                             const std::string& cooperative) {
  const auto stub = v1::SubmissionService::NewStub(connection.channel);
  v1::ListSubmissionsRequest request;
  request.set_parent(CooperativeName(cooperative));
  std::vector<v1::Submission> submissions;
  do {
    ASSIGN_OR_RETURN(const v1::ListSubmissionsResponse page,
                     CallUnary(connection.address, *stub,
                               &v1::SubmissionService::Stub::ListSubmissions, request));
    submissions.insert(submissions.end(), page.submissions().begin(), page.submissions().end());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return submissions;
}

std::string Describe(const v1::Submission& submission) {
  std::string text = absl::StrCat("\n    ", submission.name(), "  ",
                                  v1::Submission::State_Name(submission.state()));
  if (submission.has_divergence_percent()) {
    absl::StrAppend(&text,
                    absl::StrFormat("  divergence %.2f %%", submission.divergence_percent()));
  }
  for (const v1::Submission::Check& check : submission.checks()) {
    if (!check.passed()) {
      absl::StrAppend(&text, "\n      ", check.reason(), ": ", check.message());
    }
  }
  return text;
}

// What became of a member's leaving, a line each.
std::string Describe(const v1::Withdrawal& withdrawal) {
  std::string text =
      absl::StrCat("\n    withdrawal  ", v1::Withdrawal::State_Name(withdrawal.state()), ", ",
                   withdrawal.files_deleted(), " files deleted");
  if (!withdrawal.masked_model().empty()) {
    absl::StrAppend(&text, "\n      silent in ", withdrawal.masked_model());
  }
  if (!withdrawal.fusion().empty()) {
    absl::StrAppend(&text, "\n      fused again without it: ", withdrawal.fusion());
  }
  if (!withdrawal.model().empty()) {
    absl::StrAppend(&text, "\n      served instead: ", withdrawal.model());
  }
  if (!withdrawal.outcome().empty()) {
    absl::StrAppend(&text, "\n      no model took its place: ", withdrawal.outcome());
  }
  return text;
}

absl::Status Members(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  ASSIGN_OR_RETURN(const std::vector<v1::Contributor> members,
                   FetchMembers(connection, flags.cooperative));
  ASSIGN_OR_RETURN(const std::vector<v1::Submission> submissions,
                   FetchSubmissions(connection, flags.cooperative));
  nlohmann::json rows = nlohmann::json::array();
  std::string text;
  bool quarantined = false;
  for (const v1::Contributor& member : members) {
    nlohmann::json row = MessageJson(member);
    row["submissions"] = nlohmann::json::array();
    absl::StrAppend(&text, text.empty() ? "" : "\n", member.name(), "  ", member.domain(), "  ",
                    v1::Contributor::State_Name(member.state()));
    if (member.has_withdrawal()) text += Describe(member.withdrawal());
    for (const v1::Submission& submission : submissions) {
      if (submission.contributor() != member.name()) continue;
      row["submissions"].push_back(MessageJson(submission));
      text += Describe(submission);
      quarantined = quarantined || submission.state() == v1::Submission::QUARANTINED;
    }
    rows.push_back(row);
  }
  console.Result({{"members", rows}}, text.empty() ? "no member yet" : text);
  if (quarantined) {
    console.Note(
        "Quarantined submissions wait for: kalavai-coordinator decide SUBMISSION --admit "
        "(or --reject) --comment WHY");
  } else if (members.empty()) {
    console.Note(absl::StrCat("Next: kalavai-coordinator invite --cooperative ", flags.cooperative,
                              " --contributor ID --domain DOMAIN"));
  }
  return absl::OkStatus();
}

absl::Status Remove(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::CooperativeAdmin::NewStub(connection.channel);
  v1::WithdrawContributorRequest request;
  request.set_name(ContributorName(flags.cooperative, flags.contributor));
  request.set_comment(flags.comment);
  RETURN_IF_ERROR(CheckRequestTexts(request));
  ASSIGN_OR_RETURN(const v1::Contributor member,
                   CallUnary(connection.address, *stub,
                             &v1::CooperativeAdmin::Stub::WithdrawContributor, request));
  const v1::Withdrawal& withdrawal = member.withdrawal();
  if (!flags.receipt.empty()) {
    RETURN_IF_ERROR(WriteFileAtomically(flags.receipt, withdrawal.receipt_envelope() + "\n"));
  }
  console.Result(
      MessageJson(member),
      absl::StrCat(member.name(), "  ", v1::Contributor::State_Name(member.state()),
                   Describe(withdrawal),
                   flags.receipt.empty() ? "" : absl::StrCat("\n    receipt ", flags.receipt)));
  if (withdrawal.state() != v1::Withdrawal::DONE) {
    console.Note(absl::StrCat(
        "If a model with it is served, it is fused again without it and replaced on its own: "
        "kalavai-coordinator members --cooperative ",
        flags.cooperative));
  }
  return absl::OkStatus();
}

}  // namespace

Command MakeMembersCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "members",
          .summary = "who is in, what they submitted, and the verdicts",
          .details = "  kalavai-coordinator members --cooperative nordic\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddCooperativeFlag(app, flags->cooperative);
              },
          .run = [flags](Console& console) { return Members(*flags, console); }};
}

Command MakeRemoveMemberCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "withdraw",
          .summary = "withdraw a member: silent at once, its bytes deleted, fused again without it",
          .details =
              "  kalavai-coordinator withdraw --cooperative nordic --contributor "
              "st-mary --comment 'left by letter of 3 May'\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddCooperativeFlag(app, flags->cooperative);
                app.add_option("--contributor", flags->contributor, "id of the member")->required();
                app.add_option("--comment", flags->comment, "why; goes into the log")->required();
                app.add_option("--receipt", flags->receipt,
                               "keep the signed receipt here, for the member")
                    ->type_name("FILE");
              },
          .run = [flags](Console& console) { return Remove(*flags, console); }};
}

}  // namespace kalavai::coordinator

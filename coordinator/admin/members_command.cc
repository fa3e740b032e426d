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
#include "common/rpc/retry.h"
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
  ASSIGN_OR_RETURN(const v1::Contributor member,
                   CallUnary(connection.address, *stub,
                             &v1::CooperativeAdmin::Stub::WithdrawContributor, request));
  console.Result(MessageJson(member),
                 absl::StrCat(member.name(), "  ", v1::Contributor::State_Name(member.state())));
  console.Note(
      absl::StrCat("Its specialist answers no more. To re-solve the model without it: "
                   "kalavai-coordinator fuse --cooperative ",
                   flags.cooperative));
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
          .summary = "withdraw a member: certificate revoked, specialist masked",
          .details =
              "  kalavai-coordinator withdraw --cooperative nordic --contributor "
              "st-mary --comment 'left by letter of 3 May'\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddCooperativeFlag(app, flags->cooperative);
                app.add_option("--contributor", flags->contributor, "id of the member")->required();
                app.add_option("--comment", flags->comment, "why; goes into the log")->required();
              },
          .run = [flags](Console& console) { return Remove(*flags, console); }};
}

}  // namespace kalavai::coordinator

#include "coordinator/admin/invite_command.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/retry.h"
#include "common/rpc/timestamp.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/message_json.h"
#include "kalavai/v1/cooperative.grpc.pb.h"

namespace kalavai::coordinator {
namespace {

struct Flags {
  AdminFlags admin;
  std::string cooperative;
  std::string contributor;
  std::string domain;
};

absl::Status Invite(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::CooperativeAdmin::NewStub(connection.channel);
  v1::CreateInvitationRequest request;
  request.set_parent(CooperativeName(flags.cooperative));
  request.set_contributor_id(flags.contributor);
  request.set_domain(flags.domain);
  ASSIGN_OR_RETURN(
      const v1::Invitation invitation,
      CallUnary(connection.address, *stub, &v1::CooperativeAdmin::Stub::CreateInvitation, request,
                {.attempts = 1}));
  console.Result(MessageJson(invitation), invitation.code());
  console.Note(absl::StrCat(
      "For ", flags.contributor, " (", flags.domain, "), once, until ",
      absl::FormatTime("%Y-%m-%d %H:%M UTC", FromTimestamp(invitation.expire_time()),
                       absl::UTCTimeZone()),
      ". It is a secret: hand it over privately.\nThe member types: kalavai join CODE"));
  return absl::OkStatus();
}

}  // namespace

Command MakeInviteCommand() {
  auto flags = std::make_shared<Flags>();
  return {
      .name = "invite",
      .summary = "print a single-use code for a new member",
      .details =
          "  kalavai-coordinator invite --cooperative nordic --contributor st-mary "
          "--domain medical\n",
      .configure =
          [flags](CLI::App& app) {
            AddAdminFlags(app, flags->admin);
            AddCooperativeFlag(app, flags->cooperative);
            app.add_option("--contributor", flags->contributor, "id of the new member")->required();
            app.add_option("--domain", flags->domain, "its field of text")->required();
          },
      .run = [flags](Console& console) { return Invite(*flags, console); }};
}

}  // namespace kalavai::coordinator

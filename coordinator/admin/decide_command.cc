#include "coordinator/admin/decide_command.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/rpc/request_texts.h"
#include "common/rpc/retry.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/given_name.h"
#include "coordinator/admin/message_json.h"
#include "kalavai/v1/cooperative.grpc.pb.h"

namespace kalavai::coordinator {
namespace {

struct Flags {
  AdminFlags admin;
  std::string cooperative;
  std::string submission;
  std::string comment;
  bool admit = false;
  bool reject = false;
};

absl::Status Decide(const Flags& flags, Console& console) {
  if (flags.admit == flags.reject) {
    return UsageError("exactly one of --admit and --reject must be given",
                      "look at the verdict first: kalavai-coordinator members");
  }
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::CooperativeAdmin::NewStub(connection.channel);
  v1::DecideSubmissionRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), GivenSubmission(flags.cooperative, flags.submission));
  request.set_admit(flags.admit);
  request.set_comment(flags.comment);
  RETURN_IF_ERROR(CheckRequestTexts(request));
  ASSIGN_OR_RETURN(
      const v1::DecideSubmissionResponse decided,
      CallUnary(connection.address, *stub, &v1::CooperativeAdmin::Stub::DecideSubmission, request,
                {.attempts = 1}));
  console.Result(MessageJson(decided), absl::StrCat(decided.name(), "  ", decided.state()));
  console.Note("Next: kalavai-coordinator predict, then kalavai-coordinator fuse");
  return absl::OkStatus();
}

}  // namespace

Command MakeDecideCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "decide",
          .summary = "admit or reject a quarantined submission",
          .details =
              "  kalavai-coordinator decide cooperatives/nordic/submissions/s1 --reject "
              "--comment 'copy of another member, see call of 3 May'\n"
              "  kalavai-coordinator decide s1 --cooperative nordic --admit --comment 'see call'\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                app.add_option("submission", flags->submission, "id or name of the submission")
                    ->required();
                AddOptionalCooperativeFlag(app, flags->cooperative);
                app.add_flag("--admit", flags->admit, "it may be fused");
                app.add_flag("--reject", flags->reject, "the member may submit another");
                app.add_option("--comment", flags->comment,
                               "who decided and why; goes into the log")
                    ->required();
              },
          .run = [flags](Console& console) { return Decide(*flags, console); }};
}

}  // namespace kalavai::coordinator

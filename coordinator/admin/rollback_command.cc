#include "coordinator/admin/rollback_command.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/request_texts.h"
#include "common/rpc/retry.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/given_name.h"
#include "coordinator/admin/message_json.h"
#include "kalavai/v1/inference.grpc.pb.h"

namespace kalavai::coordinator {
namespace {

struct Flags {
  AdminFlags admin;
  std::string cooperative;
  std::string model;
  std::string comment;
};

absl::Status Rollback(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::InferenceService::NewStub(connection.channel);
  v1::RollbackModelRequest request;
  request.set_parent(CooperativeName(flags.cooperative));
  if (!flags.model.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_model(), GivenModel(flags.cooperative, flags.model));
  }
  request.set_comment(flags.comment);
  RETURN_IF_ERROR(CheckRequestTexts(request));
  // Once: without --model a repetition would return to yet another.
  ASSIGN_OR_RETURN(const v1::Model model,
                   CallUnary(connection.address, *stub, &v1::InferenceService::Stub::RollbackModel,
                             request, {.attempts = 1}));
  console.Result(MessageJson(model),
                 absl::StrCat(model.name(), "  ", v1::Model::State_Name(model.state()),
                              "\n  fusion   ", model.fusion(), "\n  digest   ", model.root_digest(),
                              model.state() == v1::Model::LOADING
                                  ? "\n  the model of now answers until it is loaded"
                                  : "\n  is served already; nothing was changed"));
  console.Note(absl::StrCat("Next: kalavai-coordinator models --cooperative ", flags.cooperative));
  return absl::OkStatus();
}

}  // namespace

Command MakeRollbackCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "rollback",
          .summary = "serve an earlier released model again",
          .details =
              "  kalavai-coordinator rollback --cooperative nordic --comment 'answers got worse'\n"
              "  kalavai-coordinator rollback --cooperative nordic --model fusion-1 --comment ...\n"
              "Without --model: the one that was served before the model of now. A model that "
              "mixes\na withdrawn specialist is never served again.\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddCooperativeFlag(app, flags->cooperative);
                app.add_option("--model", flags->model,
                               "id or name of the model (default: the earlier)");
                app.add_option("--comment", flags->comment,
                               "who decided and why; goes into the log")
                    ->required();
              },
          .run = [flags](Console& console) { return Rollback(*flags, console); }};
}

}  // namespace kalavai::coordinator

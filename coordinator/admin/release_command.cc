#include "coordinator/admin/release_command.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/retry.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/message_json.h"
#include "kalavai/v1/fusion.grpc.pb.h"

namespace kalavai::coordinator {
namespace {

using Stub = v1::FusionService::Stub;

struct Flags {
  AdminFlags admin;
  std::string cooperative;
  std::string fusion;
  std::string model;
  std::string acknowledge;
};

absl::Status Release(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::FusionService::NewStub(connection.channel);
  v1::ReleaseModelRequest request;
  request.set_fusion(FusionName(flags.cooperative, flags.fusion));
  request.set_model_id(flags.model);
  request.set_acknowledged_reason(flags.acknowledge);
  ASSIGN_OR_RETURN(const v1::Model model, CallUnary(connection.address, *stub, &Stub::ReleaseModel,
                                                    request, {.attempts = 1}));
  console.Result(MessageJson(model),
                 absl::StrCat("Released ", model.name(), "\n  digest   ", model.root_digest(),
                              "\n  experts  ", model.experts_size(), " (base included)",
                              "\n  signed by the coordinator; it is loading"));
  console.Note("Next, as a member: kalavai ask \"a question\"");
  return absl::OkStatus();
}

}  // namespace

Command MakeReleaseCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "release",
          .summary = "sign a finished fusion and serve it",
          .details =
              "  kalavai-coordinator release --cooperative nordic --fusion fusion-1\n"
              "A model that is worse on some domain needs --acknowledge REASON; the reason is\n"
              "logged and stands in the model card.\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddCooperativeFlag(app, flags->cooperative);
                app.add_option("--fusion", flags->fusion, "id of the fusion")->required();
                app.add_option("--model", flags->model, "id of the model (default: the fusion's)");
                app.add_option("--acknowledge", flags->acknowledge,
                               "why a model that misses the guard is released");
              },
          .run = [flags](Console& console) { return Release(*flags, console); }};
}

}  // namespace kalavai::coordinator

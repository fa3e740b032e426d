#include "coordinator/admin/release_command.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/request_texts.h"
#include "common/rpc/retry.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/given_name.h"
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

// The newest fusion that succeeded: fusions are listed by creation, oldest first.
absl::StatusOr<std::string> NewestSucceeded(const AdminConnection& connection, Stub& stub,
                                            const std::string& cooperative) {
  v1::ListFusionsRequest request;
  request.set_parent(CooperativeName(cooperative));
  std::string newest;
  do {
    ASSIGN_OR_RETURN(const v1::ListFusionsResponse page,
                     CallUnary(connection.address, stub, &Stub::ListFusions, request));
    for (const v1::Fusion& fusion : page.fusions()) {
      if (fusion.state() == v1::Fusion::SUCCEEDED) newest = fusion.name();
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  if (!newest.empty()) return newest;
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "FUSION_NOT_SUCCEEDED",
      {.what = absl::StrCat(cooperative, ": no fusion has succeeded"),
       .why = "a model is a finished fusion, signed",
       .fix = absl::StrCat("run 'kalavai-coordinator fuse --cooperative ", cooperative, "'")});
}

absl::Status Release(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::FusionService::NewStub(connection.channel);
  v1::ReleaseModelRequest request;
  if (!flags.fusion.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_fusion(), GivenFusion(flags.cooperative, flags.fusion));
  } else {
    ASSIGN_OR_RETURN(*request.mutable_fusion(),
                     NewestSucceeded(connection, *stub, flags.cooperative));
    console.Note(absl::StrCat("Releasing ", request.fusion(), ", the newest that succeeded"));
  }
  if (!flags.model.empty()) {
    ASSIGN_OR_RETURN(const std::string model, GivenModel(flags.cooperative, flags.model));
    request.set_model_id(IdOf(model));
  }
  request.set_acknowledged_reason(flags.acknowledge);
  RETURN_IF_ERROR(CheckRequestTexts(request));
  ASSIGN_OR_RETURN(const v1::Model model, CallUnary(connection.address, *stub, &Stub::ReleaseModel,
                                                    request, {.attempts = 1}));
  console.Result(
      MessageJson(model),
      absl::StrCat("Released ", model.name(), "\n  fusion   ", model.fusion(), "\n  digest   ",
                   model.root_digest(), "\n  experts  ", model.experts_size(), " (base included)",
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
              "  kalavai-coordinator release --cooperative nordic\n"
              "  kalavai-coordinator release --cooperative nordic --fusion fusion-1\n"
              "A model that is worse on some domain needs --acknowledge REASON; the reason is\n"
              "logged and stands in the model card.\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddCooperativeFlag(app, flags->cooperative);
                app.add_option("--fusion", flags->fusion,
                               "id or name of the fusion (default: the newest that succeeded)");
                app.add_option("--model", flags->model,
                               "id or name of the model (default: the fusion's)");
                app.add_option("--acknowledge", flags->acknowledge,
                               "why a model that misses the guard is released");
              },
          .run = [flags](Console& console) { return Release(*flags, console); }};
}

}  // namespace kalavai::coordinator

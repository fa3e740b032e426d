#include "coordinator/admin/models_command.h"

#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/retry.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/message_json.h"
#include "kalavai/v1/fusion.grpc.pb.h"
#include "kalavai/v1/inference.grpc.pb.h"

namespace kalavai::coordinator {
namespace {

struct Flags {
  AdminFlags admin;
  std::string cooperative;
};

absl::StatusOr<v1::ListFusionsResponse> AllFusions(const AdminConnection& connection,
                                                   const std::string& cooperative) {
  const auto stub = v1::FusionService::NewStub(connection.channel);
  v1::ListFusionsRequest request;
  request.set_parent(CooperativeName(cooperative));
  v1::ListFusionsResponse all;
  do {
    ASSIGN_OR_RETURN(
        const v1::ListFusionsResponse page,
        CallUnary(connection.address, *stub, &v1::FusionService::Stub::ListFusions, request));
    all.mutable_fusions()->MergeFrom(page.fusions());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<v1::ListModelsResponse> AllModels(const AdminConnection& connection,
                                                 const std::string& cooperative) {
  const auto stub = v1::InferenceService::NewStub(connection.channel);
  v1::ListModelsRequest request;
  request.set_parent(CooperativeName(cooperative));
  v1::ListModelsResponse all;
  do {
    ASSIGN_OR_RETURN(
        const v1::ListModelsResponse page,
        CallUnary(connection.address, *stub, &v1::InferenceService::Stub::ListModels, request));
    all.mutable_models()->MergeFrom(page.models());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

// "logit" of LOGIT.
std::string MixtureLabel(v1::Model::Mixture mixture) {
  return absl::AsciiStrToLower(v1::Model::Mixture_Name(mixture));
}

std::string Describe(const v1::ListFusionsResponse& fusions, const v1::ListModelsResponse& models) {
  std::string text = fusions.fusions().empty() ? "no fusion yet" : "fusions";
  for (const v1::Fusion& fusion : fusions.fusions()) {
    absl::StrAppend(&text, "\n  ", fusion.name(), "  ", v1::Fusion::State_Name(fusion.state()),
                    "  ", MixtureLabel(fusion.mixture()));
    if (fusion.has_result()) {
      absl::StrAppendFormat(&text, "  gain %.2f %%%s", fusion.result().gain_percent(),
                            fusion.result().guard_met() ? "" : "  guard not met");
    }
    if (!fusion.failure_reason().empty()) absl::StrAppend(&text, "  ", fusion.failure_reason());
  }
  absl::StrAppend(&text, models.models().empty() ? "\nno model yet" : "\nmodels");
  for (const v1::Model& model : models.models()) {
    absl::StrAppend(&text, "\n  ", model.name(), "  ", v1::Model::State_Name(model.state()), "  ",
                    MixtureLabel(model.mixture()), "  ", model.root_digest());
    if (!model.state_reason().empty()) absl::StrAppend(&text, "\n    ", model.state_reason());
    for (const v1::ModelExpert& expert : model.experts()) {
      if (expert.masked()) absl::StrAppend(&text, "\n    masked: ", expert.contributor());
    }
  }
  return text;
}

absl::Status Models(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  ASSIGN_OR_RETURN(const v1::ListFusionsResponse fusions,
                   AllFusions(connection, flags.cooperative));
  ASSIGN_OR_RETURN(const v1::ListModelsResponse models, AllModels(connection, flags.cooperative));
  console.Result(
      {{"fusions", MessageJson(fusions)["fusions"]}, {"models", MessageJson(models)["models"]}},
      Describe(fusions, models));
  console.Note(absl::StrCat("Next: kalavai-coordinator fuse --cooperative ", flags.cooperative));
  return absl::OkStatus();
}

}  // namespace

Command MakeModelsCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "models",
          .summary = "list fusions and released models",
          .details = "  kalavai-coordinator models --cooperative nordic\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddCooperativeFlag(app, flags->cooperative);
              },
          .run = [flags](Console& console) { return Models(*flags, console); }};
}

}  // namespace kalavai::coordinator

#include "contributor/prediction/matrix_command.h"

#include <memory>
#include <optional>
#include <string>

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/forecast/forecast_page.h"
#include "common/prediction/loss_matrix_message.h"
#include "common/prediction/offline_forecast.h"
#include "common/rpc/retry.h"
#include "contributor/coordinator_connection.h"
#include "contributor/workspace.h"
#include "kalavai/v1/prediction.grpc.pb.h"

namespace kalavai::contributor {
namespace {

using Stub = v1::PredictionService::Stub;

struct Flags {
  std::string workspace;
  std::optional<std::string> offline = {};
};

absl::Status Matrix(const Flags& flags, Console& console) {
  if (flags.offline.has_value()) return MatrixOffline(*flags.offline, console);
  const Workspace workspace(flags.workspace);
  ASSIGN_OR_RETURN(const CoordinatorConnection coordinator, Connect(workspace));
  const auto stub = v1::PredictionService::NewStub(coordinator.channel);
  v1::GetLossMatrixRequest request;
  request.set_parent(coordinator.membership.cooperative);
  ASSIGN_OR_RETURN(const v1::LossMatrix message,
                   CallUnary(coordinator.address(), *stub, &Stub::GetLossMatrix, request));
  ASSIGN_OR_RETURN(const ForecastFile file, ReadLossMatrix(message));
  console.Result(MatrixJson(file), MatrixPage(file));
  return absl::OkStatus();
}

}  // namespace

Command MakeMatrixCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "matrix",
          .summary = "losses of every model on every domain: base, specialists, fused",
          .details = "  kalavai matrix\n  kalavai matrix --offline losses.json\n",
          .configure =
              [flags](CLI::App& app) {
                AddOfflineFlag(app, flags->offline);
                AddWorkspaceOption(app, &flags->workspace);
              },
          .run = [flags](Console& console) { return Matrix(*flags, console); }};
}

}  // namespace kalavai::contributor

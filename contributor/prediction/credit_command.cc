#include "contributor/prediction/credit_command.h"

#include <memory>
#include <optional>
#include <string>

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/forecast/forecast_page.h"
#include "common/prediction/loss_matrix_call.h"
#include "common/prediction/offline_forecast.h"
#include "contributor/coordinator_connection.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::string workspace;
  std::optional<std::string> offline = {};
};

absl::Status Credit(const Flags& flags, Console& console) {
  if (flags.offline.has_value()) return CreditOffline(*flags.offline, console);
  const Workspace workspace(flags.workspace);
  ASSIGN_OR_RETURN(const CoordinatorConnection coordinator, Connect(workspace));
  ASSIGN_OR_RETURN(const ForecastFile file,
                   FetchLossMatrix(coordinator.channel, coordinator.address(),
                                   coordinator.membership.cooperative));
  console.Result(CreditJson(file), CreditPage(file));
  return absl::OkStatus();
}

}  // namespace

Command MakeCreditCommand() {
  auto flags = std::make_shared<Flags>();
  return {
      .name = "credit",
      .summary = "who contributed how much: Shapley value, leave-one-out, what each member wins",
      .details = "  kalavai credit\n  kalavai credit --offline losses.json\n",
      .configure =
          [flags](CLI::App& app) {
            AddOfflineFlag(app, flags->offline);
            AddWorkspaceOption(app, &flags->workspace);
          },
      .run = [flags](Console& console) { return Credit(*flags, console); }};
}

}  // namespace kalavai::contributor

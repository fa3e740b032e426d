#include "coordinator/admin/credit_command.h"

#include <memory>
#include <optional>
#include <string>

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/forecast/forecast_page.h"
#include "common/prediction/loss_matrix_call.h"
#include "common/prediction/offline_forecast.h"
#include "common/rpc/resource_name.h"
#include "coordinator/admin/admin_connection.h"

namespace kalavai::coordinator {
namespace {

struct Flags {
  AdminFlags admin;
  std::string cooperative;
  std::optional<std::string> offline = {};
};

absl::Status Credit(const Flags& flags, Console& console) {
  if (flags.offline.has_value()) return CreditOffline(*flags.offline, console);
  RETURN_IF_ERROR(RequireCooperativeOrFile(flags.cooperative));
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  ASSIGN_OR_RETURN(const ForecastFile file, FetchLossMatrix(connection.channel, connection.address,
                                                            CooperativeName(flags.cooperative)));
  console.Result(CreditJson(file), CreditPage(file));
  return absl::OkStatus();
}

}  // namespace

Command MakeCreditCommand() {
  auto flags = std::make_shared<Flags>();
  return {
      .name = "credit",
      .summary = "who contributed how much: Shapley value, leave-one-out, what each member wins",
      .details =
          "  kalavai-coordinator credit --cooperative nordic\n"
          "  kalavai-coordinator credit --offline losses.json\n",
      .configure =
          [flags](CLI::App& app) {
            AddAdminFlags(app, flags->admin);
            AddOptionalCooperativeFlag(app, flags->cooperative);
            AddOfflineFlag(app, flags->offline);
          },
      .run = [flags](Console& console) { return Credit(*flags, console); }};
}

}  // namespace kalavai::coordinator

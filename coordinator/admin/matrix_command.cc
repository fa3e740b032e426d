#include "coordinator/admin/matrix_command.h"

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

absl::Status Matrix(const Flags& flags, Console& console) {
  if (flags.offline.has_value()) return MatrixOffline(*flags.offline, console);
  RETURN_IF_ERROR(RequireCooperativeOrFile(flags.cooperative));
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  ASSIGN_OR_RETURN(const ForecastFile file, FetchLossMatrix(connection.channel, connection.address,
                                                            CooperativeName(flags.cooperative)));
  console.Result(MatrixJson(file), MatrixPage(file));
  return absl::OkStatus();
}

}  // namespace

Command MakeMatrixCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "matrix",
          .summary = "losses of every model on every domain: base, specialists, fused",
          .details =
              "  kalavai-coordinator matrix --cooperative nordic\n"
              "  kalavai-coordinator matrix --offline losses.json\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddOptionalCooperativeFlag(app, flags->cooperative);
                AddOfflineFlag(app, flags->offline);
              },
          .run = [flags](Console& console) { return Matrix(*flags, console); }};
}

}  // namespace kalavai::coordinator

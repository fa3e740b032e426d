#include "coordinator/admin/admin_connection.h"

#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/cli/program.h"
#include "common/rpc/channel.h"
#include "common/rpc/tls_credentials.h"
#include "coordinator/data_directory.h"

namespace kalavai::coordinator {

void AddAdminFlags(CLI::App& app, AdminFlags& flags) {
  app.add_option("--data", flags.data, "data directory of the coordinator")->capture_default_str();
  app.add_option("--administrator", flags.administrator,
                 "a copy of DATA/administrator, on another machine");
  app.add_option("--server", flags.server,
                 "HOST:PORT of the coordinator (default: where it last listened)");
}

void AddCooperativeFlag(CLI::App& app, std::string& cooperative) {
  app.add_option("--cooperative", cooperative, "id of the cooperative")->required();
}

void AddOptionalCooperativeFlag(CLI::App& app, std::string& cooperative) {
  app.add_option("--cooperative", cooperative, "id of the cooperative");
}

absl::Status RequireCooperativeOrFile(const std::string& cooperative) {
  if (!cooperative.empty()) return absl::OkStatus();
  return UsageError("neither --cooperative nor --offline is given",
                    "pass --cooperative ID to ask the coordinator, or --offline FILE");
}

absl::StatusOr<AdminConnection> Connect(const AdminFlags& flags) {
  const std::string folder = flags.administrator.empty()
                                 ? DataDirectory(flags.data).AdministratorPath()
                                 : flags.administrator;
  ASSIGN_OR_RETURN(const AdministratorFiles files, LoadAdministratorFiles(folder));
  AdminConnection connection;
  connection.address = flags.server.empty() ? files.address : flags.server;
  if (connection.address.empty()) {
    return UsageError("no address of the coordinator is known",
                      absl::StrCat("start it once (kalavai-coordinator serve --data ", flags.data,
                                   "), or pass --server HOST:PORT"));
  }
  connection.channel = MakeChannel(
      connection.address, MutualTlsChannelCredentials(files.identity, files.authority_pem));
  return connection;
}

}  // namespace kalavai::coordinator

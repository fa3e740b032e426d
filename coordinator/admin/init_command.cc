#include "coordinator/admin/init_command.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/crypto/certificate.h"
#include "coordinator/data_directory.h"

namespace kalavai::coordinator {
namespace {

struct Flags {
  std::string data = "kalavai-data";
  std::vector<std::string> hosts;
};

absl::Status Init(const Flags& flags, Console& console) {
  RETURN_IF_ERROR(
      InitDataDirectory({.path = flags.data, .hosts = flags.hosts, .now = SystemClock().Now()}));
  const DataDirectory directory(flags.data);
  ASSIGN_OR_RETURN(const CoordinatorKeys keys, LoadCoordinatorKeys(directory));
  ASSIGN_OR_RETURN(const Digest authority, Fingerprint(keys.authority.certificate_pem()));
  console.Result({{"data", flags.data},
                  {"coordinator", keys.coordinator_id},
                  {"authority_sha256", authority.Hex()},
                  {"administrator", directory.AdministratorPath()}},
                 absl::StrCat("Initialised ", flags.data, "\n  coordinator  ", keys.coordinator_id,
                              "\n  authority    ", authority.Hex(), " (SHA-256)",
                              "\n  administrator's certificate: ", directory.AdministratorPath()));
  console.Note(absl::StrCat("Back up ", flags.data,
                            "/keys: whoever has it is the coordinator.\nNext: "
                            "kalavai-coordinator serve --data ",
                            flags.data));
  return absl::OkStatus();
}

}  // namespace

Command MakeInitCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "init",
          .summary = "make a data directory: keys, certificates, database",
          .details =
              "  kalavai-coordinator init --data /var/lib/kalavai --host "
              "coordinator.example.org\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_option("--data", flags->data, "directory to make")->capture_default_str();
                app.add_option("--host", flags->hosts,
                               "name or address under which members reach the server; may be "
                               "repeated (localhost is always in)");
              },
          .run = [flags](Console& console) { return Init(*flags, console); }};
}

}  // namespace kalavai::coordinator

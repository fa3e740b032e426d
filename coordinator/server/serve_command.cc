#include "coordinator/server/serve_command.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

#include "CLI/CLI.hpp"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/cli/device_option.h"
#include "common/cli/number_checks.h"
#include "coordinator/server/server.h"

namespace kalavai::coordinator {
namespace {

constexpr absl::Duration kDrain = absl::Seconds(limits::kDrainSeconds);
constexpr absl::Duration kPoll = absl::Milliseconds(200);

struct Flags {
  ServerOptions options;
  std::string device = "cpu";
  std::string log_format = "logfmt";
  std::string log_level = "info";
};

absl::Status Serve(const Flags& flags, Console& console) {
  ServerOptions options = flags.options;
  // The names were checked when the flags were read.
  SetLogOptions({.format = ParseLogFormat(flags.log_format).value_or(LogFormat::kLogfmt),
                 .level = ParseLogLevel(flags.log_level).value_or(LogLevel::kInfo)});
  ASSIGN_OR_RETURN(options.device, OpenDevice(flags.device));
  ASSIGN_OR_RETURN(const std::unique_ptr<Server> server, StartServer(options));
  console.Result({{"service", server->service_address()}, {"enroll", server->enroll_address()}},
                 absl::StrCat("Serving ", options.data, " at ", server->service_address(),
                              ", enrolment at ", server->enroll_address()));
  if (flags.log_format != "json") {  // whoever collects JSON lines gets nothing else
    console.Note(absl::StrCat(
        "Stop with Ctrl-C. Next, in another terminal: kalavai-coordinator coop create --data ",
        options.data, " --cooperative ID --domains A,B"));
  }
  absl::Notification never;  // signal handlers may only set a flag, so it is looked at
  Deadline next_look(absl::Seconds(limits::kHealthSeconds));
  while (!Interrupted()) {
    never.WaitForNotificationWithTimeout(kPoll);
    if (!next_look.Passed()) continue;
    next_look = Deadline(absl::Seconds(limits::kHealthSeconds));
    server->UpdateHealth();
  }
  LogInfo("Draining", {{"seconds", absl::StrCat(absl::ToInt64Seconds(kDrain))}});
  server->Stop(kDrain);
  LogInfo("Stopped coordinator");
  return absl::OkStatus();
}

}  // namespace

Command MakeServeCommand() {
  auto flags = std::make_shared<Flags>();
  flags->options.data = "kalavai-data";
  return {.name = "serve",
          .summary = "run the server",
          .details =
              "  kalavai-coordinator serve --data /var/lib/kalavai --listen 0.0.0.0:7443 \\\n"
              "    --enroll-listen 0.0.0.0:7444 --advertise coordinator.example.org\n",
          .configure =
              [flags](CLI::App& app) {
                ServerOptions* const options = &flags->options;
                app.add_option("--data", options->data, "directory made by 'init'")
                    ->capture_default_str();
                app.add_option("--listen", options->listen, "HOST:PORT for members (mutual TLS)")
                    ->capture_default_str();
                app.add_option("--enroll-listen", options->enroll_listen,
                               "HOST:PORT where invited members enrol (TLS)")
                    ->capture_default_str();
                app.add_option("--advertise", options->advertise,
                               "host name that invitations carry (default: that of --listen)");
                app.add_option("--threads", options->threads,
                               "threads of one tensor operation; 0 = one a core")
                    ->check(WholeBetween(0, limits::kFusionThreadsMax))
                    ->capture_default_str();
                app.add_option("--probe-jobs", options->probe_jobs,
                               "processes that make a fusion's probe passes at once, each with one "
                               "model in memory and --threads threads; 1 = the server makes them, "
                               "one after another")
                    ->check(WholeBetween(1, limits::kProbeJobsMax))
                    ->capture_default_str();
                AddDeviceOption(app, &flags->device);
                app.add_option("--log-format", flags->log_format, "logfmt or json")
                    ->check(CLI::IsMember({"logfmt", "json"}))
                    ->capture_default_str();
                app.add_option("--log-level", flags->log_level,
                               "least level that is written: debug, info, warning or error")
                    ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
                    ->capture_default_str();
                app.add_option("--free-space-floor", options->free_space_floor_bytes,
                               "bytes that stay free on the disk")
                    ->check(WholeFromZero())
                    ->capture_default_str();
              },
          .run = [flags](Console& console) { return Serve(*flags, console); }};
}

}  // namespace kalavai::coordinator

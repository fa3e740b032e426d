#include "coordinator/admin/operations_command.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "CLI/CLI.hpp"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/rpc/retry.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/message_json.h"
#include "kalavai/v1/operations.grpc.pb.h"

namespace kalavai::coordinator {
namespace {

using Stub = v1::OperationsService::Stub;

absl::Status ShowMetrics(const AdminFlags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags));
  const auto stub = v1::OperationsService::NewStub(connection.channel);
  ASSIGN_OR_RETURN(
      const v1::GetMetricsResponse metrics,
      CallUnary(connection.address, *stub, &Stub::GetMetrics, v1::GetMetricsRequest()));
  console.Result(MessageJson(metrics), absl::StripSuffix(metrics.text(), "\n"));
  return absl::OkStatus();
}

absl::Status ShowHealth(const AdminFlags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags));
  const auto stub = v1::OperationsService::NewStub(connection.channel);
  // Once: a script that polls repeats by itself, and wants to know now.
  ASSIGN_OR_RETURN(const v1::Health health, CallUnary(connection.address, *stub, &Stub::GetHealth,
                                                      v1::GetHealthRequest(), {.attempts = 1}));
  std::string text;
  std::string failed;
  for (const v1::Health::Check& check : health.checks()) {
    absl::StrAppend(&text, text.empty() ? "" : "\n", check.passed() ? "pass  " : "FAIL  ",
                    check.name(), check.passed() ? "" : ": ", check.message());
    if (!check.passed()) {
      absl::StrAppend(&failed, failed.empty() ? "" : "; ", check.name(), ": ", check.message());
    }
  }
  if (health.serving()) {
    console.Result(MessageJson(health), text);
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kUnavailable, "NOT_READY",
                   {.what = absl::StrCat("coordinator at ", connection.address, ": ", failed),
                    .why = "uploads and decisions would be refused now",
                    .fix = "mend what is named; the coordinator notices by itself"});
}

}  // namespace

Command MakeMetricsCommand() {
  auto flags = std::make_shared<AdminFlags>();
  return {.name = "metrics",
          .summary = "print the server's figures as Prometheus text",
          .details =
              "  kalavai-coordinator metrics --data /var/lib/kalavai\n"
              "  kalavai-coordinator metrics > /var/lib/node_exporter/kalavai.prom\n",
          .configure = [flags](CLI::App& app) { AddAdminFlags(app, *flags); },
          .run = [flags](Console& console) { return ShowMetrics(*flags, console); }};
}

Command MakeHealthCommand() {
  auto flags = std::make_shared<AdminFlags>();
  return {.name = "health",
          .summary = "ask whether the server can do its work now (exit 0, or 3)",
          .details = "  kalavai-coordinator health --data /var/lib/kalavai\n",
          .configure = [flags](CLI::App& app) { AddAdminFlags(app, *flags); },
          .run = [flags](Console& console) { return ShowHealth(*flags, console); }};
}

}  // namespace kalavai::coordinator

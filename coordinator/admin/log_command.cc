#include "coordinator/admin/log_command.h"

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/rpc/retry.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/message_json.h"
#include "kalavai/v1/transparency.grpc.pb.h"

namespace kalavai::coordinator {
namespace {

struct Flags {
  AdminFlags admin;
  int64_t start = 0;
};

absl::Status ShowLog(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::TransparencyLogService::NewStub(connection.channel);
  v1::ListLogEntriesRequest request;
  request.set_start_index(flags.start);
  v1::ListLogEntriesResponse all;
  bool more = true;
  while (more) {
    ASSIGN_OR_RETURN(const v1::ListLogEntriesResponse page,
                     CallUnary(connection.address, *stub,
                               &v1::TransparencyLogService::Stub::ListLogEntries, request));
    all.mutable_entries()->MergeFrom(page.entries());
    all.set_log_size(page.log_size());
    request.set_start_index(request.start_index() + page.entries_size());
    more = page.entries_size() > 0 && request.start_index() < page.log_size();
  }
  std::string text;
  for (const v1::LogEntry& entry : all.entries()) {
    absl::StrAppend(&text, text.empty() ? "" : "\n", entry.leaf());
  }
  console.Result(MessageJson(all), text);
  return absl::OkStatus();
}

}  // namespace

Command MakeLogCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "log",
          .summary = "print the record, one leaf a line",
          .details = "  kalavai-coordinator log --start 100\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                app.add_option("--start", flags->start, "first index")
                    ->check(CLI::NonNegativeNumber)
                    ->capture_default_str();
              },
          .run = [flags](Console& console) { return ShowLog(*flags, console); }};
}

}  // namespace kalavai::coordinator

#include "contributor/checkpoint/fetch_command.h"

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include <CLI/CLI.hpp>

#include "common/base/status_macros.h"
#include "contributor/checkpoint/base_download.h"
#include "contributor/coordinator_connection.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::string workspace;
};

void Report(const Workspace& workspace, const Membership& member, const BaseDownload& download,
            Console& console) {
  console.Result(
      {{"base_digest", member.base_digest},
       {"directory", workspace.BaseDirectory()},
       {"files", download.files},
       {"bytes", download.bytes},
       {"received_bytes", download.received_bytes}},
      absl::StrCat("base ", member.base_digest,
                   "\n  verified: charter, signature, every "
                   "file\n  ",
                   workspace.BaseDirectory(), "\nnext: kalavai train --data FILE --pilot"));
}

absl::Status Fetch(const Flags& flags, Console& console) {
  const Workspace workspace(flags.workspace);
  ASSIGN_OR_RETURN(const CoordinatorConnection coordinator, Connect(workspace));
  if (workspace.VerifiedBase().ok()) {
    console.Note("the base is here already and verifies");
    Report(workspace, coordinator.membership, {}, console);
    return absl::OkStatus();
  }
  BaseDownload download;
  {
    std::optional<Progress> progress;  // begins when the size is known
    const auto update = [&](int64_t done, int64_t total) {
      if (!progress.has_value()) progress.emplace(console, "Fetching base", total, "bytes");
      progress->Update(done);
    };
    ASSIGN_OR_RETURN(download, DownloadBase(workspace, coordinator, update));
  }
  Report(workspace, coordinator.membership, download, console);
  return absl::OkStatus();
}

}  // namespace

Command MakeFetchCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "fetch",
          .summary = "copy the canonical base and check every digest",
          .details = "  kalavai fetch        # again after a break: it resumes\n",
          .configure = [flags](CLI::App& app) { AddWorkspaceOption(app, &flags->workspace); },
          .run = [flags](Console& console) { return Fetch(*flags, console); }};
}

}  // namespace kalavai::contributor

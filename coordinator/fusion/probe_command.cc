#include "coordinator/fusion/probe_command.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

#include "CLI/CLI.hpp"
#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "coordinator/data_directory.h"
#include "coordinator/fusion/pass_job.h"

namespace kalavai::coordinator {
namespace {

struct Flags {
  std::string data = "kalavai-data";
  std::string pass;
  bool wait = false;
};

void AddDataFlag(CLI::App& app, Flags& flags) {
  app.add_option("--data", flags.data,
                 "the coordinator's directory, or one with a copy of fusions/")
      ->type_name("DIR")
      ->capture_default_str();
}

std::string WorkOf(const Flags& flags) { return DataDirectory(flags.data).FusionsPath(); }

// A directory without passes is an answer; one that is not there is a mistake.
absl::Status CheckData(const Flags& flags) {
  std::error_code ignored;
  if (std::filesystem::is_directory(flags.data, ignored)) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "DATA_DIRECTORY_INVALID",
                   {.what = absl::StrCat(flags.data, ": no such directory; must be there"),
                    .why = "passes lie in its folder fusions",
                    .fix = "name the coordinator's directory, or one with a copy of fusions/, "
                           "with --data"});
}

nlohmann::json Json(const ListedPass& pass) {
  nlohmann::json object = {{"pass", pass.name}, {"state", PassStateName(pass.state)}};
  if (!pass.detail.empty()) object["detail"] = pass.detail;
  if (pass.state == PassState::kInvalid) return object;
  object["model_digest"] = pass.order.key.model_digest;
  object["probe_digest"] = pass.order.key.probe_digest;
  object["features"] = pass.order.features;
  object["threads"] = pass.order.machine.threads;
  object["device"] = pass.order.machine.device;
  return object;
}

absl::Status List(const Flags& flags, Console& console) {
  RETURN_IF_ERROR(CheckData(flags));
  ASSIGN_OR_RETURN(const std::vector<ListedPass> passes, ListPasses(WorkOf(flags)));
  nlohmann::json list = nlohmann::json::array();
  std::string text;
  for (const ListedPass& pass : passes) {
    list.push_back(Json(pass));
    absl::StrAppendFormat(&text, "%s%s  %-7s", text.empty() ? "" : "\n", pass.name,
                          PassStateName(pass.state));
    if (pass.state != PassState::kInvalid) {
      absl::StrAppend(&text, "  ", pass.order.features ? "base" : "specialist", "  ",
                      pass.order.machine.device, ", ", pass.order.machine.threads, " threads");
    }
    if (!pass.detail.empty()) absl::StrAppend(&text, "  ", pass.detail);
  }
  if (passes.empty()) text = "no passes: no fusion is probing";
  console.Result({{"passes", list}}, text);
  return absl::OkStatus();
}

absl::StatusOr<nlohmann::json> RunOne(const Flags& flags, const std::string& name,
                                      Console& console) {
  const Stopwatch watch;
  std::optional<Progress> progress;
  const auto show = [&](int64_t done, int64_t chunks) -> absl::Status {
    if (Interrupted()) return InterruptedError("type the same command again: the pass goes on");
    if (!progress.has_value()) progress.emplace(console, name, chunks, "chunks");
    progress->Update(done);
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(const PassRun run,
                   MakePass(WorkOf(flags), name, {.wait = flags.wait, .progress = show}));
  return nlohmann::json{{"pass", name},
                        {"model_digest", run.order.key.model_digest},
                        {"probe_digest", run.order.key.probe_digest},
                        {"chunks", run.chunks},
                        {"made", run.made},
                        {"seconds", absl::ToDoubleSeconds(watch.Elapsed())},
                        {"cache", run.cache}};
}

// The first that nobody is at and that was not made here; "" when there is none.
absl::StatusOr<std::string> NextOpen(const Flags& flags, const std::set<std::string>& tried) {
  ASSIGN_OR_RETURN(const std::vector<ListedPass> passes, ListPasses(WorkOf(flags)));
  for (const ListedPass& pass : passes) {
    if (pass.state == PassState::kOpen && !tried.contains(pass.name)) return pass.name;
  }
  return std::string();
}

// One after another until none is open: several such processes share the passes among them.
absl::Status RunOpen(const Flags& flags, nlohmann::json& made, Console& console) {
  std::set<std::string> tried;
  for (;;) {
    ASSIGN_OR_RETURN(const std::string name, NextOpen(flags, tried));
    if (name.empty()) return absl::OkStatus();
    tried.insert(name);
    absl::StatusOr<nlohmann::json> run = RunOne(flags, name, console);
    const std::string reason = GetErrorReason(run.status());
    // Another process was faster; it may end before the pass does, then it is open again.
    if (reason == "PROBE_PASS_HELD") tried.erase(name);
    if (reason == "PROBE_PASS_HELD" || reason == "PROBE_PASS_NOT_FOUND") continue;
    RETURN_IF_ERROR(run.status());
    made.push_back(*std::move(run));
  }
}

absl::Status Run(const Flags& flags, Console& console) {
  RETURN_IF_ERROR(CheckData(flags));
  nlohmann::json made = nlohmann::json::array();
  if (flags.pass.empty()) {
    if (flags.wait) {
      return UsageError("--wait: without a pass there is nothing to wait for",
                        "name the pass, as 'probe list' shows it");
    }
    RETURN_IF_ERROR(RunOpen(flags, made, console));
  } else {
    ASSIGN_OR_RETURN(nlohmann::json run, RunOne(flags, flags.pass, console));
    made.push_back(std::move(run));
  }
  std::string text;
  for (const nlohmann::json& run : made) {
    absl::StrAppendFormat(&text, "%s%s  %s  %d chunks  %.1f s", text.empty() ? "" : "\n",
                          run["pass"].get<std::string>(),
                          run["made"].get<bool>() ? "made" : "was there",
                          run["chunks"].get<int64_t>(), run["seconds"].get<double>());
  }
  console.Result({{"passes", made}}, text.empty() ? "no pass is open" : text);
  return absl::OkStatus();
}

}  // namespace

Command MakeProbeListCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "probe list",
          .summary = "the passes a fusion waits for, and who is at them",
          .details =
              "  kalavai-coordinator probe list --data DATA\n"
              "OPEN: nobody is at it; HELD: some process is; MADE: its arrays are there.\n",
          .configure = [flags](CLI::App& app) { AddDataFlag(app, *flags); },
          .run = [flags](Console& console) { return List(*flags, console); }};
}

Command MakeProbeRunCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "probe run",
          .summary = "make one pass, or every open one, of a fusion that is probing",
          .details =
              "  kalavai-coordinator fuse --cooperative nordic --no-watch\n"
              "  kalavai-coordinator probe run --data DATA           # every open pass, in turn\n"
              "  mpirun -n 4 kalavai-coordinator probe run --data DATA\n"
              "  kalavai-coordinator probe run 0123456789abcdef-fedcba9876543210 --data DATA\n"
              "Each process holds one model in memory. A pass that was ended in any way goes on\n"
              "from its last whole batch. The processor must be of the coordinator's kind.\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_option("pass", flags->pass, "as 'probe list' names it (default: all open)")
                    ->type_name("PASS");
                AddDataFlag(app, *flags);
                app.add_flag("--wait", flags->wait,
                             "when another process is at the pass, wait for its end");
              },
          .run = [flags](Console& console) { return Run(*flags, console); }};
}

}  // namespace kalavai::coordinator

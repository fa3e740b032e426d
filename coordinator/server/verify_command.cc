#include "coordinator/server/verify_command.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "CLI/CLI.hpp"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "coordinator/server/data_verifier.h"

namespace kalavai::coordinator {
namespace {

// As many as fit a screen; all of them are in the JSON.
constexpr size_t kFindingsShown = 10;

struct Flags {
  std::string data = "kalavai-data";
};

nlohmann::json Json(const std::string& data, const DataReport& report) {
  nlohmann::json findings = nlohmann::json::array();
  for (const DataFinding& finding : report.findings) {
    findings.push_back(
        {{"part", finding.part}, {"reason", finding.reason}, {"message", finding.message}});
  }
  return {{"data", data},
          {"sound", report.Sound()},
          {"log_size", report.log.size},
          {"root_hash", report.log.root.Hex()},
          {"rows", report.rows},
          {"blobs", report.blobs},
          {"blob_bytes", report.blob_bytes},
          {"unnamed_blobs", report.unnamed},
          {"findings", findings}};
}

std::string Human(const std::string& data, const DataReport& report) {
  std::string text =
      absl::StrCat(data, report.Sound() ? ": sound" : ": DAMAGED", "\n  log    ", report.log.size,
                   " leaves, root ", report.log.root.Hex(), "\n  rows   ", report.rows,
                   " compared with what was signed\n  blobs  ", report.blobs, " hashed, ",
                   report.blob_bytes, " bytes, ", report.unnamed, " without a row");
  for (size_t i = 0; i < report.findings.size() && i < kFindingsShown; ++i) {
    const DataFinding& finding = report.findings[i];
    absl::StrAppend(&text, "\n  ", finding.part, ": [", finding.reason, "] ", finding.message);
  }
  if (report.findings.size() > kFindingsShown) {
    absl::StrAppend(&text, "\n  … and ", report.findings.size() - kFindingsShown,
                    " more: --format json");
  }
  return text;
}

absl::Status Verify(const Flags& flags, Console& console) {
  std::optional<Progress> progress;
  const auto show = [&](int64_t done, int64_t total) {
    if (!progress.has_value()) progress.emplace(console, "Hashing", total, "bytes");
    progress->Update(done);
  };
  ASSIGN_OR_RETURN(const DataReport report, VerifyDataDirectory(flags.data, show));
  progress.reset();
  console.Result(Json(flags.data, report), Human(flags.data, report));
  if (report.Sound()) return absl::OkStatus();
  const bool stray = std::all_of(
      report.findings.begin(), report.findings.end(),
      [](const DataFinding& finding) { return finding.reason == "MODEL_DIRECTORY_UNKNOWN"; });
  return MakeError(absl::StatusCode::kDataLoss, "DATA_DAMAGED",
                   {.what = absl::StrCat(flags.data, ": ", report.findings.size(),
                                         " findings, the first: ", report.findings[0].message),
                    .fix = stray ? "start the coordinator once: it removes them"
                                 : "restore the last backup; what the findings name cannot be "
                                   "repaired",
                    .metadata = {{"first_reason", report.findings[0].reason}}});
}

}  // namespace

Command MakeVerifyCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "verify",
          .summary = "check a data directory offline: database, log, rows, blobs",
          .details =
              "  kalavai-coordinator verify --data /var/lib/kalavai\n\nStop the server first. "
              "Exit 0: sound; 1: damaged, with what was found where; 3: in use.\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_option("--data", flags->data, "directory made by 'init'")
                    ->capture_default_str();
              },
          .run = [flags](Console& console) { return Verify(*flags, console); }};
}

}  // namespace kalavai::coordinator

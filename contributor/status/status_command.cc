#include "contributor/status/status_command.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <CLI/CLI.hpp>

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "contributor/coordinator_connection.h"
#include "contributor/log_history.h"
#include "contributor/submission/submission_verdict.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::string workspace;
};

// The coordinator's receipt of the withdrawal is here.
bool HasLeft(const Workspace& workspace) {
  std::error_code ignored;
  return std::filesystem::exists(workspace.WithdrawalReceiptFile(), ignored);
}

std::string NextStep(const Workspace& workspace, const std::optional<v1::Submission>& submission) {
  if (submission.has_value()) {
    switch (submission->state()) {
      case v1::Submission::ADMITTED:
        return "kalavai ask \"…\"  (once the launcher has fused and released)";
      case v1::Submission::QUARANTINED:
        return "wait: an administrator decides";
      case v1::Submission::WITHDRAWN:
        return "nothing: this member has left";
      case v1::Submission::SUPERSEDED:
        return "nothing: a newer one took its place";
      case v1::Submission::REJECTED:
        return "mend what the checks say, then kalavai submit";
      default:
        return "kalavai submit";
    }
  }
  if (HasLeft(workspace)) {
    return absl::StrCat("nothing: this member has left; kalavai verify-receipt ",
                        workspace.WithdrawalReceiptFile());
  }
  if (!workspace.HasBase()) return "kalavai fetch";
  const absl::StatusOr<TrainingReport> report = workspace.LoadTrainingReport();
  if (!report.ok()) return "kalavai train --data FILE --pilot";
  if (report->pilot || !workspace.TrainedSpecialist().ok()) {
    return "kalavai predict, then kalavai train --data FILE";
  }
  return "kalavai submit";
}

// What is known of the coordinator's record, and what of it was checked just now.
struct Record {
  std::optional<KeptHead> before;
  std::optional<KeptHead> now;
  bool is_checked = false;  // the coordinator answered, and proved it
};

std::string Describe(const Record& record) {
  if (!record.now.has_value()) return "nothing kept yet";
  const TreeState& now = record.now->state;
  std::string text = absl::StrCat(now.size, " leaves, root ", now.root.Hex(), "\n    signed by ",
                                  record.now->verifier.name(), ", the key kept from joining\n    ");
  if (!record.is_checked) return absl::StrCat(text, "as last seen; not compared now");
  if (!record.before.has_value()) return absl::StrCat(text, "kept from now on");
  const uint64_t before = record.before->state.size;
  if (before == now.size) return absl::StrCat(text, "checked now: unchanged");
  return absl::StrCat(text, "checked now: begins with the ", before, " leaves seen before");
}

nlohmann::json RecordJson(const Record& record) {
  if (!record.now.has_value()) return nullptr;
  nlohmann::json json = {{"size", record.now->state.size},
                         {"root", record.now->state.root.Hex()},
                         {"verifier_key", record.now->verifier.Text()},
                         {"checked", record.is_checked}};
  if (record.before.has_value()) json["size_before"] = record.before->state.size;
  return json;
}

absl::Status Status(const Flags& flags, Console& console) {
  const Workspace workspace(flags.workspace);
  ASSIGN_OR_RETURN(const Membership member, workspace.LoadMembership());
  Record record;
  ASSIGN_OR_RETURN(record.before, ReadKeptHead(workspace));
  const bool has_base = workspace.HasBase();
  const absl::StatusOr<TrainingReport> report = workspace.LoadTrainingReport();
  std::optional<v1::Submission> submission;
  std::string remote = "answers";
  absl::StatusOr<CoordinatorConnection> coordinator = Connect(workspace);
  absl::Status asked = coordinator.status();
  record.is_checked = asked.ok();
  if (asked.ok()) {
    const auto stub = v1::SubmissionService::NewStub(coordinator->channel);
    auto found = FindOwnSubmission(*stub, *coordinator);
    asked = found.status();
    if (asked.ok()) submission = *std::move(found);
  }
  // Not one more thing that is unknown: a coordinator that contradicts itself, a damaged memory.
  const std::string reason = GetErrorReason(asked);
  if (reason == "LOG_INCONSISTENT" || reason == "KEPT_HEAD_DAMAGED") return asked;
  ASSIGN_OR_RETURN(record.now, ReadKeptHead(workspace));
  const bool refused = reason == "UNAUTHENTICATED" && !HasLeft(workspace);
  if (!asked.ok() && HasLeft(workspace)) {
    remote = "this member has left";
  } else if (refused) {
    remote = "does not accept this member's certificate any more";
    console.Warn(absl::StrCat("the coordinator ", remote,
                              ": an administrator withdrew this member, or revoked it"));
  } else if (!asked.ok()) {
    remote = std::string(asked.message());
    console.Warn(absl::StrCat("the coordinator's side is unknown: ", remote));
  }
  const std::string next =
      refused ? "kalavai withdraw  (fetches the receipt, when an administrator withdrew this "
                "member; else ask the launcher for an invitation)"
              : NextStep(workspace, submission);
  nlohmann::json result = {{"workspace", workspace.root()},     {"contributor", member.contributor},
                           {"domain", member.domain},           {"coordinator", member.coordinator},
                           {"coordinator_answers", asked.ok()}, {"base_fetched", has_base},
                           {"record", RecordJson(record)},      {"next", next}};
  if (report.ok()) {
    result["training"] = {{"pilot", report->pilot},
                          {"steps", report->steps},
                          {"divergence_percent", report->DivergencePercent()}};
  }
  if (submission.has_value()) result["submission"] = ToJson(*submission);
  console.Result(
      result, absl::StrCat(member.contributor, "  domain ", member.domain, "\n  coordinator ",
                           member.coordinator, "  ", remote, "\n  record      ", Describe(record),
                           "\n  base        ",
                           has_base ? absl::StrCat("fetched, ", member.base_digest) : "not fetched",
                           "\n  training    ",
                           report.ok() ? absl::StrFormat("%s, %d steps, divergence %.2f %%",
                                                         report->pilot ? "pilot" : "done",
                                                         report->steps, report->DivergencePercent())
                                       : "not yet",
                           "\n  submission  ",
                           submission.has_value()
                               ? absl::StrCat(submission->name(), "  ",
                                              v1::Submission::State_Name(submission->state()), "\n",
                                              DescribeChecks(*submission))
                               : absl::StrCat(asked.ok() ? "none" : "unknown", "\n"),
                           "next: ", next));
  return absl::OkStatus();
}

}  // namespace

Command MakeStatusCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "status",
          .summary = "where this member is and what comes next",
          .details = "  kalavai status\n",
          .configure = [flags](CLI::App& app) { AddWorkspaceOption(app, &flags->workspace); },
          .run = [flags](Console& console) { return Status(*flags, console); }};
}

}  // namespace kalavai::contributor

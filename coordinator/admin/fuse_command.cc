#include "coordinator/admin/fuse_command.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "CLI/CLI.hpp"
#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/cli/number_checks.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/retry.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/fusion_failure.h"
#include "coordinator/admin/given_name.h"
#include "coordinator/admin/message_json.h"
#include "coordinator/admin/report_plots.h"
#include "kalavai/v1/fusion.grpc.pb.h"

namespace kalavai::coordinator {
namespace {

using Stub = v1::FusionService::Stub;

struct Flags {
  AdminFlags admin;
  std::string cooperative;
  std::string fusion;
  std::vector<std::string> submissions;
  std::vector<std::string> references;
  std::string report;
  std::string mixture = "probability";
  uint64_t seed = 0;
  int32_t steps = 500;
  bool weight_average = false;
  bool check = false;
  bool watch = true;
};

std::string NextCommand(const Flags& flags, const v1::Fusion& fusion) {
  std::string next = absl::StrCat("Next: kalavai-coordinator release --cooperative ",
                                  flags.cooperative, " --fusion ", IdOf(fusion.name()));
  if (!fusion.result().guard_met()) absl::StrAppend(&next, " --acknowledge REASON");
  return next;
}

absl::Status Outcome(const Flags& flags, const v1::Fusion& fusion, Console& console) {
  if (fusion.state() != v1::Fusion::SUCCEEDED) return FusionFailure(fusion);
  nlohmann::json object = MessageJson(fusion);
  // The report as an object, not as a text inside a text.
  object["result"].erase("report_markdown");
  object["result"]["report_json"] = nlohmann::json::parse(
      fusion.result().report_json(), /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!flags.report.empty()) {
    RETURN_IF_ERROR(WriteReportDirectory(flags.report, fusion.result().report_json(),
                                         fusion.result().report_markdown()));
    console.Note(absl::StrCat("the report is in ", flags.report));
  }
  console.Result(object, fusion.result().report_markdown());
  if (!fusion.result().guard_met()) {
    console.Warn("the guard is not met: some domain got worse by more than 0.5 %");
  }
  console.Note(NextCommand(flags, fusion));
  return absl::OkStatus();
}

// LABEL=DIRECTORY; a relative directory is one of this machine.
absl::StatusOr<v1::ReferenceModel> ReferenceOf(const std::string& text) {
  const size_t split = text.find('=');
  if (split == std::string::npos || split == 0 || split + 1 == text.size()) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "USAGE",
        {.what = absl::StrCat("--reference: '", text, "' found; must be LABEL=DIRECTORY"),
         .fix = "write --reference monolithic=/path/to/model"});
  }
  v1::ReferenceModel model;
  model.set_label(text.substr(0, split));
  const std::string directory = text.substr(split + 1);
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(directory, error);
  model.set_directory(error ? directory : absolute.lexically_normal().string());
  return model;
}

// "training router" of TRAINING_ROUTER.
std::string StateLabel(v1::Fusion::State state) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(v1::Fusion::State_Name(state)), {{"_", " "}});
}

// Shows the work of each state as messages come.
class WorkShown {
 public:
  explicit WorkShown(Console& console) : console_(console) {}

  void Show(const v1::Fusion& now) {
    if (now.state() != shown_) {
      shown_ = now.state();
      progress_.reset();
      if (now.state() == v1::Fusion::SUCCEEDED || now.state() == v1::Fusion::FAILED) return;
      if (now.progress_unit().empty()) return;  // queued: nothing to count yet
      progress_.emplace(console_, StateLabel(now.state()), now.progress_total(),
                        now.progress_unit());
    }
    if (progress_.has_value()) progress_->Update(now.progress_done());
  }

 private:
  Console& console_;
  std::optional<Progress> progress_;
  int shown_ = v1::Fusion::STATE_UNSPECIFIED;
};

// Follows the stream until the fusion ends. One that breaks, as when the coordinator is started
// anew, is begun again: the fusion goes on there.
absl::StatusOr<v1::Fusion> Watch(const AdminConnection& connection, Stub& stub, const Flags& flags,
                                 const std::string& fusion, Console& console) {
  v1::GetFusionRequest request;
  request.set_name(fusion);
  WorkShown shown(console);
  absl::Status status;
  for (int attempt = 0; attempt < limits::kWatchAttemptsMax; ++attempt) {
    grpc::ClientContext context;
    const auto reader = stub.WatchFusion(&context, request);
    v1::Fusion now;
    while (!Interrupted() && reader->Read(&now)) {
      shown.Show(now);
      attempt = 0;
    }
    if (Interrupted()) {
      context.TryCancel();
      return InterruptedError(
          absl::StrCat("the fusion goes on; watch it with 'kalavai-coordinator fuse --cooperative ",
                       flags.cooperative, " --fusion ", IdOf(fusion), "'"));
    }
    status = CallStatus(reader->Finish(), connection.address);
    if (status.ok()) return now;
    if (!absl::IsUnavailable(status)) return status;
    if (attempt == 0) console.Note("the coordinator does not answer; waiting for it");
    SleepBeforeRetry({}, std::min(attempt, 5));
  }
  return status;
}

absl::Status Fuse(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::FusionService::NewStub(connection.channel);
  v1::CreateFusionRequest request;
  request.set_parent(CooperativeName(flags.cooperative));
  if (!flags.fusion.empty()) {
    ASSIGN_OR_RETURN(const std::string name, GivenFusion(flags.cooperative, flags.fusion));
    request.set_fusion_id(IdOf(name));
  }
  request.set_validate_only(flags.check);
  request.mutable_fusion()->set_seed(flags.seed);
  request.mutable_fusion()->set_steps(flags.steps);
  request.mutable_fusion()->set_mixture(flags.mixture == "logit" ? v1::Model::LOGIT
                                                                 : v1::Model::PROBABILITY);
  request.mutable_fusion()->set_weight_average(flags.weight_average);
  for (const std::string& submission : flags.submissions) {
    ASSIGN_OR_RETURN(*request.mutable_fusion()->add_submissions(),
                     GivenSubmission(flags.cooperative, submission));
  }
  for (const std::string& reference : flags.references) {
    ASSIGN_OR_RETURN(*request.mutable_fusion()->add_reference_models(), ReferenceOf(reference));
  }
  // Reference models are hashed before the answer comes.
  absl::StatusOr<v1::Fusion> fusion =
      CallUnary(connection.address, *stub, &Stub::CreateFusion, request, {.attempts = 1},
                flags.references.empty() ? kCallTimeout : kLongCallTimeout);
  const bool exists = GetErrorReason(fusion.status()) == "FUSION_EXISTS";
  if (!fusion.ok() && !(exists && flags.watch && !flags.check)) return fusion.status();
  if (exists) {
    console.Note("the fusion exists already: watching it");
    v1::GetFusionRequest get;
    get.set_name(FusionName(flags.cooperative, request.fusion_id()));
    fusion = CallUnary(connection.address, *stub, &Stub::GetFusion, get);
    RETURN_IF_ERROR(fusion.status());
  }
  if (flags.check) {
    console.Result(
        MessageJson(*fusion),
        absl::StrCat("all checks pass: ", fusion->submissions_size(), " specialists can be fused"));
    console.Note("Next: the same command without --check");
    return absl::OkStatus();
  }
  if (!flags.watch) {
    console.Result(MessageJson(*fusion), absl::StrCat(fusion->name(), " is queued"));
    console.Note(absl::StrCat("Next: kalavai-coordinator fuse --cooperative ", flags.cooperative,
                              " --fusion ", IdOf(fusion->name()), "   # watches it"));
    return absl::OkStatus();
  }
  console.Note(absl::StrCat(fusion->name(), ": ", fusion->submissions_size(), " specialists, ",
                            absl::AsciiStrToLower(v1::Model::Mixture_Name(fusion->mixture())),
                            " mixture, seed ", fusion->seed()));
  ASSIGN_OR_RETURN(const v1::Fusion done, Watch(connection, *stub, flags, fusion->name(), console));
  return Outcome(flags, done, console);
}

}  // namespace

Command MakeFuseCommand() {
  auto flags = std::make_shared<Flags>();
  return {
      .name = "fuse",
      .summary = "make one model of the admitted specialists and measure it",
      .details =
          "  kalavai-coordinator fuse --cooperative nordic\n"
          "  kalavai-coordinator fuse --cooperative nordic --seed 7 --steps 500\n"
          "  kalavai-coordinator fuse --cooperative nordic --reference monolithic=./pooled\n"
          "  kalavai-coordinator fuse --cooperative nordic --mixture logit\n"
          "  kalavai-coordinator fuse --cooperative nordic --fusion fusion-1 --report ./report\n"
          "The same seed and inputs give the same router and figures. An existing --fusion\n"
          "is watched, not started again.\n"
          "A logit mixture is judged by a pass of its own, with base and specialists in memory\n"
          "at once, as they are when it is served: 4 bytes a parameter of each. Where they do\n"
          "not fit it is refused before anything is computed, by --check, too. The gate is the\n"
          "same; the bound on its loss holds for the mixture of probabilities only.\n",
      .configure =
          [flags](CLI::App& app) {
            AddAdminFlags(app, flags->admin);
            AddCooperativeFlag(app, flags->cooperative);
            app.add_option("--fusion", flags->fusion,
                           "id or name of the fusion (default: fusion-1, fusion-2, …)");
            app.add_option("--submission", flags->submissions,
                           "id or name; repeat for several (default: all admitted)");
            app.add_option("--reference", flags->references,
                           "a model on the coordinator's machine to compare with, never part "
                           "of the mixture; repeatable")
                ->type_name("LABEL=DIR");
            app.add_option("--report", flags->report,
                           "directory to write report.json, report.md and plots (SVG) to")
                ->type_name("DIR");
            app.add_option("--mixture", flags->mixture,
                           "what the gate's weights mix: the experts' probabilities, or their "
                           "logits as in the paper")
                ->check(CLI::IsMember({"probability", "logit"}))
                ->capture_default_str();
            app.add_option("--seed", flags->seed, "of the router's training")
                ->check(AnyUnsigned())
                ->capture_default_str();
            app.add_option("--steps", flags->steps, "AdamW steps of the router")
                ->check(WholeBetween(1, limits::kFusionStepsMax))
                ->capture_default_str();
            app.add_flag("--weight-average", flags->weight_average,
                         "compare with the average of the specialists' weights, too: one more "
                         "probe pass, for which the result waits");
            app.add_flag("--check", flags->check, "run every check, start nothing");
            app.add_flag("--watch,!--no-watch", flags->watch, "wait for the end (default)");
          },
      .run = [flags](Console& console) { return Fuse(*flags, console); }};
}

}  // namespace kalavai::coordinator

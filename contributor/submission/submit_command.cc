#include "contributor/submission/submit_command.h"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include <CLI/CLI.hpp>

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/corpus/document_list.h"
#include "common/rpc/channel.h"
#include "common/rpc/retry.h"
#include "contributor/coordinator_connection.h"
#include "contributor/egress_receipt.h"
#include "contributor/log_history.h"
#include "contributor/submission/files_to_send.h"
#include "contributor/submission/resumable_uploader.h"
#include "contributor/submission/submission_builder.h"
#include "contributor/submission/submission_verdict.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {
namespace {

using Stub = v1::SubmissionService::Stub;
constexpr char kWeightsFile[] = "model.safetensors";

struct Flags {
  std::string workspace;
  bool dry_run = false;
  bool new_version = false;
  std::vector<std::string> report_documents;
};

// Digests of the documents that training learned from: the same files give the same split.
absl::StatusOr<std::string> TrainingDocuments(const std::vector<std::string>& files) {
  if (files.empty()) return std::string();
  ASSIGN_OR_RETURN(std::vector<Document> documents, ReadDocuments(files));
  return FormatDocumentList(
      SplitByHash(Deduplicate(std::move(documents)), kTrainingSplit, kTrainingShare).first);
}

std::string ListFiles(const BuiltSubmission& built) {
  std::string text;
  for (const BuiltFile& file : built.files) {
    absl::StrAppendFormat(&text, "  %12d  %s  %s\n", file.size_bytes, file.digest.Hex(), file.path);
  }
  return text;
}

nlohmann::json FilesJson(const BuiltSubmission& built) {
  nlohmann::json files = nlohmann::json::array();
  for (const BuiltFile& file : built.files) {
    files.push_back(
        {{"path", file.path}, {"size_bytes", file.size_bytes}, {"sha256", file.digest.Hex()}});
  }
  return files;
}

absl::Status DryRun(const Workspace& workspace, const std::string& training_documents,
                    Console& console) {
  ASSIGN_OR_RETURN(Membership membership, workspace.LoadMembership());
  ASSIGN_OR_RETURN(const PublicKey key, LoadCoordinatorKey(workspace));
  // The nonce is the coordinator's to give: 64 zeros stand in its place, so sizes are right and the
  // digests of submission.json and model.sig are not the final ones.
  ASSIGN_OR_RETURN(const BuiltSubmission built,
                   BuildSubmission(workspace, {.membership = std::move(membership),
                                               .coordinator_key_hint = key.Hint(),
                                               .nonce = std::string(64, '0'),
                                               .training_documents = training_documents}));
  std::error_code ignored;
  std::filesystem::remove_all(built.directory, ignored);  // it must never be taken for a real one
  console.Result({{"dry_run", true},
                  {"files", FilesJson(built)},
                  {"bytes", built.TotalBytes()},
                  {"divergence_percent", built.divergence_percent}},
                 absl::StrCat("would send at most ", built.TotalBytes(),
                              " bytes, and nothing "
                              "else:\n",
                              ListFiles(built),
                              "files that equal the base's are not sent\nnext: kalavai submit"));
  return absl::OkStatus();
}

class Submit {
 public:
  Submit(const Workspace& workspace, const CoordinatorConnection& coordinator, Console& console,
         bool new_version, std::string training_documents)
      : workspace_(workspace),
        coordinator_(coordinator),
        console_(console),
        new_version_(new_version),
        training_documents_(std::move(training_documents)),
        stub_(v1::SubmissionService::NewStub(coordinator.channel)) {}

  absl::Status Run() {
    ASSIGN_OR_RETURN(std::optional<v1::Submission> found, FindOwnSubmission(*stub_, coordinator_));
    v1::Submission submission;
    bool again = !found.has_value() || found->state() == v1::Submission::REJECTED;
    if (!again && found->state() == v1::Submission::ADMITTED) {
      ASSIGN_OR_RETURN(again, WantsNewVersion(*found));
    }
    if (!again) {
      submission = *std::move(found);
    } else {
      // Refused here rather than after a submission exists that has nothing to hold.
      RETURN_IF_ERROR(workspace_.TrainedSpecialist().status());
      RETURN_IF_ERROR(workspace_.LoadTrainingReport().status());
      v1::CreateSubmissionRequest request;
      request.set_parent(coordinator_.membership.cooperative);
      ASSIGN_OR_RETURN(submission, Call(&Stub::CreateSubmission, request, 1));
    }
    if (submission.state() == v1::Submission::DRAFT ||
        submission.state() == v1::Submission::UPLOADING) {
      RETURN_IF_ERROR(Deliver(submission));
    }
    if (!IsDecided(submission.state())) {
      console_.Note("waiting for the checks");
      ASSIGN_OR_RETURN(submission, Await(submission.name()));
    }
    return Conclude(submission);
  }

 private:
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, int attempts = 3) {
    return CallUnary(coordinator_.address(), *stub_, method, request, {.attempts = attempts});
  }

  // Whether the specialist of now is to take the admitted one's place.
  absl::StatusOr<bool> WantsNewVersion(const v1::Submission& admitted) {
    const absl::StatusOr<std::string> directory = workspace_.TrainedSpecialist();
    if (!directory.ok()) {
      if (new_version_) return directory.status();
      return false;
    }
    bool same = true;
    for (const v1::FileDigest& file : admitted.files()) {
      if (file.path() != kWeightsFile) continue;
      ASSIGN_OR_RETURN(const Digest digest,
                       Sha256OfFile(absl::StrCat(*directory, "/", kWeightsFile)));
      same = digest.Hex() == file.sha256();
    }
    if (same && new_version_) {
      console_.Note("the specialist in this workspace is the one that was admitted");
    } else if (!same && !new_version_) {
      console_.Warn(
          "the specialist in this workspace is not the one that was admitted: 'kalavai submit "
          "--new-version' sends it");
    }
    return new_version_ && !same;
  }

  // Builds, declares, sends what is missing, asks for the checks.
  absl::Status Deliver(v1::Submission& submission) {
    console_.Note("building and signing");
    ASSIGN_OR_RETURN(
        const BuiltSubmission built,
        BuildSubmission(workspace_, {.membership = coordinator_.membership,
                                     .coordinator_key_hint = coordinator_.coordinator_key.Hint(),
                                     .nonce = submission.nonce(),
                                     .training_documents = training_documents_}));
    signed_root_ = built.root_digest.Hex();
    v1::DeclareFilesRequest declare;
    declare.set_name(submission.name());
    for (const BuiltFile& file : built.files) {
      v1::FileDigest* const added = declare.add_files();
      added->set_path(file.path);
      added->set_size_bytes(file.size_bytes);
      added->set_sha256(file.digest.Hex());
    }
    ASSIGN_OR_RETURN(const v1::DeclareFilesResponse declared, Call(&Stub::DeclareFiles, declare));
    RETURN_IF_ERROR(Send(submission.name(), built, declared));
    v1::FinalizeSubmissionRequest finalize;
    finalize.set_name(submission.name());
    ASSIGN_OR_RETURN(submission, Call(&Stub::FinalizeSubmission, finalize));
    return absl::OkStatus();
  }

  absl::Status Send(const std::string& name, const BuiltSubmission& built,
                    const v1::DeclareFilesResponse& declared) {
    ASSIGN_OR_RETURN(const std::vector<BuiltFile> files, FilesToSend(built, declared));
    Egress egress = {.act = "submit", .subject = name, .items = {}};
    int64_t total = 0;
    for (const BuiltFile& file : files) {
      egress.items.push_back({file.path, file.size_bytes, file.digest});
      total += file.size_bytes;
    }
    if (egress.items.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(egress_receipt_,
                     SaveEgressReceipt(workspace_, coordinator_.membership, egress));
    sent_bytes_ = total;
    ResumableUploader uploader(*stub_, coordinator_.address());
    Progress progress(console_, "Uploading", total, "bytes");
    int64_t done = 0;
    for (const BuiltFile& file : files) {
      RETURN_IF_ERROR(uploader.Send(name, file, built.directory,
                                    [&](int64_t sent) { progress.Update(done + sent); }));
      done += file.size_bytes;
    }
    return absl::OkStatus();
  }

  // Watches until the verdict; a broken watch is begun again.
  absl::StatusOr<v1::Submission> Await(const std::string& name) {
    v1::GetSubmissionRequest request;
    request.set_name(name);
    absl::Status status;
    for (int attempt = 0; attempt < limits::kWatchAttemptsMax; ++attempt) {
      grpc::ClientContext context;
      SetDeadline(context, absl::Minutes(1));
      const auto reader = stub_->WatchSubmission(&context, request);
      v1::Submission submission;
      while (reader->Read(&submission)) {
        if (IsDecided(submission.state())) return submission;
        if (Interrupted()) break;
      }
      context.TryCancel();
      status = CallStatus(reader->Finish(), coordinator_.address());
      if (Interrupted()) return InterruptedError("run 'kalavai submit' again");
      if (!status.ok() && !IsResumable(status)) return status;
      SleepBeforeRetry({}, std::min(attempt, 5));
    }
    return MakeError(absl::StatusCode::kUnavailable, "COORDINATOR_UNREACHABLE",
                     {.what = absl::StrCat(name, ": no verdict yet; must come: ", status.message()),
                      .fix = "run 'kalavai submit' again; it goes on waiting"});
  }

  absl::Status Conclude(const v1::Submission& submission) {
    ASSIGN_OR_RETURN(
        const SavedReceipt receipt,
        SaveReceipt(workspace_, coordinator_.coordinator_key, submission, signed_root_));
    RETURN_IF_ERROR(CheckReceiptRecorded(workspace_, coordinator_.address(), coordinator_.channel,
                                         receipt.payload));
    nlohmann::json result = ToJson(submission);
    result["receipt"] = receipt.path;
    result["log_index"] = receipt.payload["log_index"];
    result["egress_receipt"] = egress_receipt_;
    result["sent_bytes"] = sent_bytes_;
    const bool admitted = submission.state() == v1::Submission::ADMITTED;
    console_.Result(
        result,
        absl::StrCat(v1::Submission::State_Name(submission.state()), "  ", submission.name(), "\n",
                     DescribeChecks(submission), "  root digest ", submission.root_digest(),
                     "\n  receipt ", receipt.path, " (signature and log entry ",
                     receipt.payload["log_index"].dump(), " verified)",
                     egress_receipt_.empty() ? std::string()
                                             : absl::StrCat("\n  sent ", sent_bytes_,
                                                            " bytes, listed in ", egress_receipt_),
                     admitted ? "\nnext: kalavai status" : ""));
    return VerdictStatus(submission);
  }

  const Workspace& workspace_;
  const CoordinatorConnection& coordinator_;
  Console& console_;
  const bool new_version_;
  const std::string training_documents_;
  const std::unique_ptr<Stub> stub_;
  std::string signed_root_;  // what this run signed and declared; "": an earlier one did
  std::string egress_receipt_;
  int64_t sent_bytes_ = 0;
};

absl::Status RunSubmit(const Flags& flags, Console& console) {
  const Workspace workspace(flags.workspace);
  ASSIGN_OR_RETURN(std::string documents, TrainingDocuments(flags.report_documents));
  if (flags.dry_run) return DryRun(workspace, documents, console);
  ASSIGN_OR_RETURN(const CoordinatorConnection coordinator, Connect(workspace));
  return Submit(workspace, coordinator, console, flags.new_version, std::move(documents)).Run();
}

}  // namespace

Command MakeSubmitCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "submit",
          .summary = "sign the specialist, send it, get the verdict and its receipt",
          .details =
              "  kalavai submit --dry-run   # every byte that would leave\n"
              "  kalavai submit             # again after a break: it resumes\n"
              "  kalavai submit --new-version   # a better specialist than the one admitted\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_flag("--dry-run", flags->dry_run, "list what would be sent; send nothing");
                app.add_flag("--new-version", flags->new_version,
                             "send the specialist of now although an earlier one was admitted; "
                             "admitted, it takes that one's place in later fusions");
                app.add_option("--report-documents", flags->report_documents,
                               "the files trained on: digests of their documents go along, never "
                               "text, so that no probe text can be among them")
                    ->type_name("FILE");
                AddWorkspaceOption(app, &flags->workspace);
              },
          .run = [flags](Console& console) { return RunSubmit(*flags, console); }};
}

}  // namespace kalavai::contributor

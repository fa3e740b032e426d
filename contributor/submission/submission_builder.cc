#include "contributor/submission/submission_builder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/corpus/document_list.h"
#include "common/crypto/model_signature.h"
#include "common/crypto/signing_key.h"
#include "common/storage/atomic_file.h"

namespace kalavai::contributor {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kPrivateDirectory = 0700;
constexpr mode_t kPrivateFile = 0600;

// A link where the file system can, else a copy: the sources are replaced by rename, never changed
// in place.
absl::Status LinkOrCopy(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (!error) return absl::OkStatus();
  fs::copy_file(from, to, error);
  if (error) return ErrnoError(error.value(), "copy", from);
  return absl::OkStatus();
}

absl::StatusOr<TrainingReport> LoadFinalReport(const Workspace& workspace) {
  ASSIGN_OR_RETURN(const TrainingReport report, workspace.LoadTrainingReport());
  if (!report.pilot) return report;
  return MakeError(absl::StatusCode::kFailedPrecondition, "NOT_TRAINED",
                   {.what = absl::StrCat(workspace.TrainingReportFile(),
                                         ": of a pilot; must be of the whole training"),
                    .why = "a pilot's loss is extrapolated; a submission states what its weights "
                           "measured",
                    .fix = "kalavai train --data FILE"});
}

absl::Status Assemble(const Workspace& workspace, const SubmissionTicket& ticket,
                      const TrainingReport& report, const std::string& directory) {
  ASSIGN_OR_RETURN(const std::string specialist, workspace.TrainedSpecialist());
  ASSIGN_OR_RETURN(const std::string base, workspace.VerifiedBase());
  if (!fs::exists(absl::StrCat(specialist, "/model.safetensors"))) {
    return MakeError(absl::StatusCode::kInvalidArgument, "CHECKPOINT_INVALID",
                     {.what = absl::StrCat(specialist,
                                           ": weights in shards; must be one "
                                           "model.safetensors"),
                      .fix = "train again with 'kalavai train'"});
  }
  RETURN_IF_ERROR(LinkOrCopy(absl::StrCat(specialist, "/model.safetensors"),
                             absl::StrCat(directory, "/model.safetensors")));
  RETURN_IF_ERROR(LinkOrCopy(absl::StrCat(specialist, "/config.json"),
                             absl::StrCat(directory, "/config.json")));
  RETURN_IF_ERROR(LinkOrCopy(absl::StrCat(base, "/tokenizer.json"),
                             absl::StrCat(directory, "/tokenizer.json")));
  if (!ticket.training_documents.empty()) {
    RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(directory, "/", kTrainingDocumentsFile),
                                        ticket.training_documents, kPrivateFile));
  }
  if (fs::exists(workspace.GateStatisticsFile())) {
    RETURN_IF_ERROR(LinkOrCopy(workspace.GateStatisticsFile(),
                               absl::StrCat(directory, "/gate_statistics.safetensors")));
  }
  ASSIGN_OR_RETURN(const std::string privacy, PrivacyJson(workspace));
  RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(directory, "/submission.json"),
                                      FormatSubmissionJson(ticket, report), kPrivateFile));
  RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(directory, "/divergence.json"),
                                      FormatDivergenceJson(ticket.membership, report),
                                      kPrivateFile));
  return WriteFileAtomically(absl::StrCat(directory, "/privacy.json"), privacy, kPrivateFile);
}

absl::StatusOr<std::vector<BuiltFile>> ListFiles(const std::string& directory,
                                                 const ModelManifest& manifest) {
  std::vector<BuiltFile> files;
  for (const Resource& resource : manifest.resources) {
    files.push_back({.path = resource.name, .size_bytes = 0, .digest = resource.digest});
  }
  ASSIGN_OR_RETURN(const Digest signature,
                   Sha256OfFile(absl::StrCat(directory, "/", kModelSignatureFile)));
  files.push_back({.path = kModelSignatureFile, .size_bytes = 0, .digest = signature});
  for (BuiltFile& file : files) {
    std::error_code error;
    const auto size = fs::file_size(absl::StrCat(directory, "/", file.path), error);
    if (error) return ErrnoError(error.value(), "stat", file.path);
    file.size_bytes = static_cast<int64_t>(size);
  }
  std::sort(files.begin(), files.end(),
            [](const BuiltFile& a, const BuiltFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace

int64_t BuiltSubmission::TotalBytes() const {
  int64_t bytes = 0;
  for (const BuiltFile& file : files) bytes += file.size_bytes;
  return bytes;
}

std::string FormatSubmissionJson(const SubmissionTicket& ticket, const TrainingReport& report) {
  const Membership& member = ticket.membership;
  const nlohmann::json json = {{"schema", "kalavai.submission/1"},
                               {"coordinator_key_hint", ticket.coordinator_key_hint},
                               {"cooperative", member.cooperative},
                               {"contributor", member.contributor},
                               {"domain", member.domain},
                               {"nonce", ticket.nonce},
                               {"base_digest", member.base_digest},
                               {"freeze_depth", member.freeze_depth},
                               {"client_version", absl::StrCat(Version())},
                               {"training", {{"steps", report.steps}}}};
  return json.dump(2) + "\n";
}

std::string FormatDivergenceJson(const Membership& membership, const TrainingReport& report) {
  const nlohmann::json json = {{"schema", "kalavai.divergence/1"},
                               {"domain", membership.domain},
                               {"base_loss", report.base_loss},
                               {"own_loss", report.own_loss},
                               {"divergence_percent", report.DivergencePercent()},
                               {"held_out_tokens", report.held_out_tokens},
                               {"steps", report.steps}};
  return json.dump(2) + "\n";
}

absl::StatusOr<std::string> PrivacyJson(const Workspace& workspace) {
  if (!fs::exists(workspace.PrivacyReportFile())) {
    return std::string(
        "{\n  \"audited\": false,\n  \"differential_privacy\": false,\n"
        "  \"schema\": \"kalavai.privacy/1\"\n}\n");
  }
  ASSIGN_OR_RETURN(std::string text,
                   ReadFileBounded(workspace.PrivacyReportFile(), limits::kJsonBytesMax));
  const absl::StatusOr<nlohmann::json> json = ReadJson(text);
  if (!json.ok()) return Annotate(json.status(), workspace.PrivacyReportFile());
  return text;
}

absl::StatusOr<BuiltSubmission> BuildSubmission(const Workspace& workspace,
                                                const SubmissionTicket& ticket) {
  ASSIGN_OR_RETURN(const TrainingReport report, LoadFinalReport(workspace));
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::LoadFromFile(workspace.SigningKeyFile()));
  const std::string partial = workspace.SubmissionPartialDirectory();
  std::error_code error;
  fs::remove_all(partial, error);
  RETURN_IF_ERROR(EnsureDirectory(partial, kPrivateDirectory));
  RETURN_IF_ERROR(Assemble(workspace, ticket, report, partial));
  ASSIGN_OR_RETURN(const ModelManifest manifest,
                   SignDirectory(key, partial, {.subject = ticket.membership.ContributorId()}));
  BuiltSubmission built;
  ASSIGN_OR_RETURN(built.files, ListFiles(partial, manifest));
  built.directory = workspace.SubmissionDirectory();
  built.root_digest = manifest.root_digest;
  built.divergence_percent = report.DivergencePercent();
  fs::remove_all(built.directory, error);
  fs::rename(partial, built.directory, error);
  if (error) return ErrnoError(error.value(), "rename", partial);
  RETURN_IF_ERROR(SyncDirectory(workspace.root()));
  return built;
}

}  // namespace kalavai::contributor

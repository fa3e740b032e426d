#include "contributor/workspace.h"

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include <CLI/CLI.hpp>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/model_signature.h"
#include "common/storage/atomic_file.h"

namespace kalavai::contributor {
namespace {

constexpr mode_t kPrivateDirectory = 0700;
constexpr mode_t kPrivateFile = 0600;

std::string LastComponent(absl::string_view name) {
  const size_t slash = name.rfind('/');
  return std::string(slash == absl::string_view::npos ? name : name.substr(slash + 1));
}

bool IsFile(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

absl::StatusOr<nlohmann::json> ReadJsonFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFileBounded(path, limits::kJsonBytesMax));
  absl::StatusOr<nlohmann::json> json = ReadJson(text);
  if (!json.ok()) return Annotate(json.status(), path);
  return json;
}

// Whoever may write in a directory can put another key in the place of ours.
absl::Status CheckOwnDirectory(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return ErrnoError(errno, "stat", path);
  const bool foreign = info.st_uid != geteuid();
  if (!foreign && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kPermissionDenied, "KEY_FILE_MODE",
      {.what = absl::StrCat(
           path, foreign ? ": belongs to another user" : ": group or others may write in it",
           "; must be this user's alone"),
       .why = "whoever may write there can replace the member's keys",
       .fix = foreign ? std::string("use another --workspace") : absl::StrCat("chmod 700 ", path),
       .metadata = {{"path", path}}});
}

absl::StatusOr<Membership> ParseMembership(const nlohmann::json& json) {
  Membership member;
  ASSIGN_OR_RETURN(member.coordinator, JsonString(json, "coordinator"));
  ASSIGN_OR_RETURN(member.cooperative, JsonString(json, "cooperative"));
  ASSIGN_OR_RETURN(member.contributor, JsonString(json, "contributor"));
  ASSIGN_OR_RETURN(member.domain, JsonString(json, "domain"));
  ASSIGN_OR_RETURN(member.base_digest, JsonString(json, "base_digest"));
  ASSIGN_OR_RETURN(member.freeze_depth, JsonInt(json, "freeze_depth"));
  ASSIGN_OR_RETURN(member.chunk_tokens, JsonInt(json, "chunk_tokens"));
  ASSIGN_OR_RETURN(member.authority_fingerprint, JsonString(json, "authority_fingerprint"));
  return member;
}

absl::StatusOr<TrainingReport> ParseTrainingReport(const nlohmann::json& json) {
  TrainingReport report;
  ASSIGN_OR_RETURN(report.base_loss, JsonNumber(json, "base_loss"));
  ASSIGN_OR_RETURN(report.own_loss, JsonNumber(json, "own_loss"));
  ASSIGN_OR_RETURN(report.held_out_tokens, JsonInt(json, "held_out_tokens"));
  ASSIGN_OR_RETURN(report.steps, JsonInt(json, "steps"));
  ASSIGN_OR_RETURN(report.pilot, JsonBool(json, "pilot"));
  if (json.contains("improvement_standard_error")) {  // older reports do not have it
    ASSIGN_OR_RETURN(report.improvement_standard_error,
                     JsonNumber(json, "improvement_standard_error"));
  }
  if (json.contains("measured_loss")) {
    ASSIGN_OR_RETURN(report.measured_loss, JsonNumber(json, "measured_loss"));
  }
  return report;
}

}  // namespace

std::string Membership::CooperativeId() const { return LastComponent(cooperative); }
std::string Membership::ContributorId() const { return LastComponent(contributor); }

double TrainingReport::DivergencePercent() const {
  return 100.0 * (base_loss - own_loss) / base_loss;
}

Workspace::Workspace(std::string root) : root_(std::move(root)) {}

std::string Workspace::MemberFile() const { return absl::StrCat(root_, "/member.json"); }
std::string Workspace::CharterFile() const { return absl::StrCat(root_, "/charter.json"); }
std::string Workspace::SigningKeyFile() const {
  return absl::StrCat(root_, "/keys/signing_key.pem");
}
std::string Workspace::CoordinatorKeyFile() const {
  return absl::StrCat(root_, "/keys/coordinator.pub.pem");
}
std::string Workspace::TlsKeyFile() const { return absl::StrCat(root_, "/tls/client.key"); }
std::string Workspace::TlsCertificateFile() const { return absl::StrCat(root_, "/tls/client.pem"); }
std::string Workspace::TlsAuthorityFile() const {
  return absl::StrCat(root_, "/tls/authority.pem");
}
std::string Workspace::BaseDirectory() const { return absl::StrCat(root_, "/base"); }
std::string Workspace::BasePartialDirectory() const { return absl::StrCat(root_, "/base.partial"); }
std::string Workspace::TrainingDirectory() const { return absl::StrCat(root_, "/training"); }
std::string Workspace::TrainingDocumentsFile() const {
  return absl::StrCat(root_, "/training/documents.txt");
}
std::string Workspace::TrainingReportFile() const {
  return absl::StrCat(root_, "/training/report.json");
}
std::string Workspace::PrivacyReportFile() const {
  return absl::StrCat(root_, "/training/privacy.json");
}
std::string Workspace::MeasuredRowFile() const { return absl::StrCat(root_, "/training/row.json"); }
std::string Workspace::PilotDirectory() const { return absl::StrCat(root_, "/training/pilot"); }
std::string Workspace::SpecialistDirectory() const { return absl::StrCat(root_, "/specialist"); }
std::string Workspace::GateStatisticsFile() const {
  return absl::StrCat(root_, "/gate_statistics.safetensors");
}
std::string Workspace::SubmissionDirectory() const { return absl::StrCat(root_, "/submission"); }
std::string Workspace::SubmissionPartialDirectory() const {
  return absl::StrCat(root_, "/submission.partial");
}
std::string Workspace::ReceiptsDirectory() const { return absl::StrCat(root_, "/receipts"); }
std::string Workspace::WithdrawalReceiptFile() const {
  return absl::StrCat(ReceiptsDirectory(), "/withdrawal.json");
}
std::string Workspace::EgressDirectory() const { return absl::StrCat(root_, "/egress"); }
std::string Workspace::LogDirectory() const { return absl::StrCat(root_, "/log"); }
std::string Workspace::LogKeyFile() const { return absl::StrCat(root_, "/log/verifier_key"); }
std::string Workspace::TreeHeadFile() const { return absl::StrCat(root_, "/log/tree_head"); }

absl::Status Workspace::Create() const {
  // base/, specialist/ and submission/ appear whole, by rename, when their content is complete.
  for (const std::string& directory :
       {root_, absl::StrCat(root_, "/keys"), absl::StrCat(root_, "/tls"), TrainingDirectory(),
        ReceiptsDirectory(), EgressDirectory(), LogDirectory()}) {
    RETURN_IF_ERROR(EnsureDirectory(directory, kPrivateDirectory));
    RETURN_IF_ERROR(CheckOwnDirectory(directory));
  }
  return absl::OkStatus();
}

bool Workspace::HasJoined() const { return IsFile(MemberFile()); }

absl::StatusOr<Membership> Workspace::LoadMembership() const {
  if (!HasJoined()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "NOT_JOINED",
                     {.what = absl::StrCat(root_, ": no member.json; must be a joined workspace"),
                      .why = "a workspace belongs to one member of one cooperative",
                      .fix = "kalavai join CODE, or name another directory with --workspace",
                      .metadata = {{"workspace", root_}}});
  }
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadJsonFile(MemberFile()));
  absl::StatusOr<Membership> member = ParseMembership(json);
  if (!member.ok()) return Annotate(member.status(), MemberFile());
  return member;
}

absl::Status Workspace::SaveMembership(const Membership& membership) const {
  const nlohmann::json json = {{"coordinator", membership.coordinator},
                               {"cooperative", membership.cooperative},
                               {"contributor", membership.contributor},
                               {"domain", membership.domain},
                               {"base_digest", membership.base_digest},
                               {"freeze_depth", membership.freeze_depth},
                               {"chunk_tokens", membership.chunk_tokens},
                               {"authority_fingerprint", membership.authority_fingerprint}};
  return WriteFileAtomically(MemberFile(), json.dump(2) + "\n", kPrivateFile);
}

bool Workspace::HasBase() const { return IsFile(absl::StrCat(BaseDirectory(), "/config.json")); }

absl::StatusOr<std::string> Workspace::VerifiedBase() const {
  if (!HasBase()) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "CHECKPOINT_NOT_FETCHED",
        {.what = absl::StrCat(BaseDirectory(), ": no base; must be fetched and verified"),
         .fix = "kalavai fetch",
         .metadata = {{"workspace", root_}}});
  }
  ASSIGN_OR_RETURN(const Membership member, LoadMembership());
  ASSIGN_OR_RETURN(const std::vector<Resource> files, EnumerateDirectory(BaseDirectory()));
  const std::string found = RootDigest(files).Hex();
  if (found == member.base_digest) return BaseDirectory();
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "BASE_MISMATCH",
      {.what = absl::StrCat(BaseDirectory(), ": root digest ", found, " found; must be ",
                            member.base_digest, " as the charter says"),
       .why = "a file changed after it was fetched; specialists are comparable only when all "
              "descend from one base",
       .fix = "kalavai fetch",
       .metadata = {{"expected", member.base_digest}, {"actual", found}}});
}

absl::StatusOr<std::string> Workspace::TrainedSpecialist() const {
  const std::string directory = SpecialistDirectory();
  if (IsFile(absl::StrCat(directory, "/model.safetensors")) ||
      IsFile(absl::StrCat(directory, "/model.safetensors.index.json"))) {
    return directory;
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, "NOT_TRAINED",
                   {.what = absl::StrCat(directory, ": no weights; must hold a trained specialist"),
                    .fix = "kalavai train --data FILE",
                    .metadata = {{"workspace", root_}}});
}

absl::StatusOr<std::string> Workspace::ReportedSpecialist() const {
  ASSIGN_OR_RETURN(const TrainingReport report, LoadTrainingReport());
  if (!report.pilot) return TrainedSpecialist();
  const std::string directory = PilotDirectory();
  if (IsFile(absl::StrCat(directory, "/model.safetensors"))) return directory;
  return MakeError(absl::StatusCode::kFailedPrecondition, "NOT_TRAINED",
                   {.what = absl::StrCat(directory, ": no weights; must hold the pilot's"),
                    .fix = "kalavai train --data FILE --pilot",
                    .metadata = {{"workspace", root_}}});
}

absl::StatusOr<TrainingReport> Workspace::LoadTrainingReport() const {
  if (!IsFile(TrainingReportFile())) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "NOT_TRAINED",
                     {.what = absl::StrCat(TrainingReportFile(),
                                           ": not there; the losses must be measured first"),
                      .fix = "kalavai train --data FILE --pilot",
                      .metadata = {{"workspace", root_}}});
  }
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadJsonFile(TrainingReportFile()));
  absl::StatusOr<TrainingReport> report = ParseTrainingReport(json);
  if (!report.ok()) return Annotate(report.status(), TrainingReportFile());
  if (!(report->base_loss > 0) || !(report->own_loss > 0) || report->held_out_tokens <= 0 ||
      !(report->improvement_standard_error >= 0)) {
    return MakeError(absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID",
                     {.what = absl::StrCat(TrainingReportFile(), ": base_loss ", report->base_loss,
                                           ", own_loss ", report->own_loss, ", held_out_tokens ",
                                           report->held_out_tokens, "; all must be positive"),
                      .fix = "kalavai train --data FILE --pilot",
                      .metadata = {}});
  }
  return report;
}

absl::Status Workspace::SaveTrainingReport(const TrainingReport& report) const {
  RETURN_IF_ERROR(EnsureDirectory(TrainingDirectory(), kPrivateDirectory));
  const nlohmann::json json = {{"base_loss", report.base_loss},
                               {"own_loss", report.own_loss},
                               {"held_out_tokens", report.held_out_tokens},
                               {"steps", report.steps},
                               {"pilot", report.pilot},
                               {"improvement_standard_error", report.improvement_standard_error},
                               {"measured_loss", report.measured_loss}};
  return WriteFileAtomically(TrainingReportFile(), json.dump(2) + "\n", kPrivateFile);
}

std::string DefaultWorkspaceRoot() {
  std::vector<char> buffer(16384);
  passwd entry = {};
  passwd* found = nullptr;
  if (getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return ".kalavai";  // no passwd entry, as in some containers: the working directory
  }
  return absl::StrCat(found->pw_dir, "/.kalavai");
}

void AddWorkspaceOption(CLI::App& app, std::string* root) {
  *root = DefaultWorkspaceRoot();
  app.add_option("--workspace", *root, "this member's directory")
      ->type_name("DIR")
      ->capture_default_str();
}

}  // namespace kalavai::contributor

#include "coordinator/submission/submission_service.h"

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include <sys/random.h>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/hex.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/rpc/page_token.h"
#include "common/rpc/resource_name.h"
#include "coordinator/blob_collector.h"
#include "coordinator/submission/declared_files.h"
#include "coordinator/submission/upload_stream.h"
#include "coordinator/unary_handler.h"

namespace kalavai::coordinator {
namespace {

void SetTime(absl::Time time, google::protobuf::Timestamp* message) {
  const int64_t micros = absl::ToUnixMicros(time);
  message->set_seconds(micros / 1'000'000);
  message->set_nanos(static_cast<int32_t>(micros % 1'000'000) * 1000);
}

v1::Submission::State StateMessage(SubmissionState state) {
  v1::Submission::State message = v1::Submission::STATE_UNSPECIFIED;
  const bool known = v1::Submission::State_Parse(std::string(SubmissionStateName(state)), &message);
  KALAVAI_CHECK(known, "states have the same names in the API");
  return message;
}

void ToMessage(const SubmissionFile& file, v1::FileDigest* message) {
  message->set_path(file.path);
  message->set_size_bytes(file.size_bytes);
  message->set_sha256(file.digest.Hex());
}

v1::Submission ToMessage(const SubmissionRecord& record) {
  v1::Submission message;
  message.set_name(record.name);
  message.set_contributor(record.contributor);
  message.set_domain(record.domain);
  message.set_state(StateMessage(record.state));
  message.set_nonce(record.nonce);
  for (const SubmissionFile& file : record.files) ToMessage(file, message.add_files());
  if (record.root_digest.has_value()) message.set_root_digest(record.root_digest->Hex());
  for (const CheckResult& check : record.checks) {
    v1::Submission::Check* const added = message.add_checks();
    added->set_check(check.check);
    added->set_passed(check.passed);
    added->set_reason(check.reason);
    added->set_message(check.message);
  }
  message.set_receipt_envelope(record.receipt_envelope);
  if (record.divergence_percent.has_value()) {
    message.set_divergence_percent(*record.divergence_percent);
  }
  SetTime(record.create_time, message.mutable_create_time());
  if (record.decide_time.has_value()) SetTime(*record.decide_time, message.mutable_decide_time());
  return message;
}

// 32 bytes of the system's random source, hexadecimal.
std::string NewNonce() {
  std::array<char, 32> bytes = {};
  ssize_t got = -1;
  do {
    got = getrandom(bytes.data(), bytes.size(), 0);
  } while (got < 0 && errno == EINTR);
  KALAVAI_CHECK(got == static_cast<ssize_t>(bytes.size()),
                "getrandom(2) gives up to 256 bytes whole once the system has started");
  return HexEncode(absl::string_view(bytes.data(), bytes.size()));
}

// "st-mary-1": readable, and unique because the last part is a counter of this contributor's. Too
// long ids are cut and told apart by a digest.
std::string SubmissionId(absl::string_view contributor, int64_t number) {
  constexpr size_t kContributorMax = 50;
  if (contributor.size() <= kContributorMax) return absl::StrCat(contributor, "-", number);
  return absl::StrCat(contributor.substr(0, kContributorMax - 9), "-",
                      Sha256Of(contributor).Hex().substr(0, 8), "-", number);
}

}  // namespace

grpc::ServerUnaryReactor* SubmissionService::CreateSubmission(
    grpc::CallbackServerContext* context, const v1::CreateSubmissionRequest* request,
    v1::Submission* response) {
  return HandleUnary(
      context, *request, parts_.resolver, "SubmissionService/CreateSubmission",
      [&](const Caller& caller) { return Create(caller, request->parent(), *response); });
}

absl::Status SubmissionService::Create(const Caller& caller, const std::string& parent,
                                       v1::Submission& response) {
  ASSIGN_OR_RETURN(const std::string cooperative, ParseCooperativeName(parent));
  RETURN_IF_ERROR(caller.RequireMemberOf(cooperative));
  return parts_.database.Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(parts_.cooperatives.GetFor(cooperative, CooperativeAct::kSubmit).status());
    ASSIGN_OR_RETURN(const ContributorRow contributor,
                     parts_.cooperatives.GetContributor(cooperative, caller.contributor));
    ASSIGN_OR_RETURN(const int64_t count, parts_.submissions.Count(caller.Name()));
    ASSIGN_OR_RETURN(const int64_t versions, parts_.submissions.CountVersions(caller.Name()));
    if (versions >= limits::kSubmissionVersionsMax) {
      return MakeError(absl::StatusCode::kResourceExhausted, "QUOTA_EXCEEDED",
                       {.what = absl::StrCat(caller.Name(), ": ", versions,
                                             " admitted specialists; must be fewer than ",
                                             limits::kSubmissionVersionsMax),
                        .why = "the bytes of superseded ones are kept for released models",
                        .fix = "ask the launcher to invite this site under another id"});
    }
    SubmissionRecord record;
    record.name = SubmissionName(cooperative, SubmissionId(caller.contributor, count + 1));
    record.cooperative = parent;
    record.contributor = caller.Name();
    record.domain = contributor.domain;
    record.nonce = NewNonce();
    record.create_time = parts_.clock.Now();
    RETURN_IF_ERROR(parts_.submissions.Create(record));
    RETURN_IF_ERROR(
        parts_.audit
            .Append(caller.Name(), "CREATE_SUBMISSION", record.name, {{"nonce", record.nonce}})
            .status());
    response = ToMessage(record);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SubmissionService::DeclareFiles(grpc::CallbackServerContext* context,
                                                          const v1::DeclareFilesRequest* request,
                                                          v1::DeclareFilesResponse* response) {
  return HandleUnary(context, *request, parts_.resolver, "SubmissionService/DeclareFiles",
                     [&](const Caller& caller) { return Declare(caller, *request, *response); });
}

absl::Status SubmissionService::Declare(const Caller& caller,
                                        const v1::DeclareFilesRequest& request,
                                        v1::DeclareFilesResponse& response) {
  ASSIGN_OR_RETURN(const SubmissionRecord record, GetOwn(caller, request.name(), false));
  if (request.files_size() > limits::kSubmissionFilesMax) {
    return MakeError(absl::StatusCode::kResourceExhausted, "QUOTA_EXCEEDED",
                     {.what = absl::StrCat("files: ", request.files_size(), "; must be at most ",
                                           limits::kSubmissionFilesMax)});
  }
  RETURN_IF_ERROR(parts_.cooperatives.GetFor(caller.cooperative, CooperativeAct::kSubmit).status());
  ASSIGN_OR_RETURN(const CheckpointRow base, parts_.checkpoints.GetBase(caller.cooperative));
  std::vector<SubmissionFile> base_files, files;
  for (const CheckpointFileRow& file : base.files) {
    base_files.push_back({.path = file.path, .size_bytes = file.size_bytes, .digest = file.digest});
  }
  int64_t missing_bytes = 0;
  for (const v1::FileDigest& file : request.files()) {
    SubmissionFile declared = {.path = file.path(), .size_bytes = file.size_bytes()};
    ASSIGN_OR_RETURN(declared.digest, Digest::FromHex(file.sha256()));
    // Only what every member has may be skipped: saying "already held" of another's bytes would
    // tell who holds what, and let a member claim what it never had.
    const CheckpointFileRow* const same = base.Find(file.path());
    declared.held = same != nullptr && same->digest == declared.digest &&
                    same->size_bytes == declared.size_bytes;
    files.push_back(std::move(declared));
  }
  RETURN_IF_ERROR(CheckDeclaredFiles(files, base_files));
  // Only now: unchecked sizes could overflow a sum.
  for (const SubmissionFile& file : files) missing_bytes += file.held ? 0 : file.size_bytes;
  RETURN_IF_ERROR(parts_.blobs.CheckFreeSpace(missing_bytes));
  std::vector<UploadRecord> dropped;
  SubmissionRecord before, after;
  const absl::Status committed = parts_.database.Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(before, parts_.submissions.Get(record.name));
    ASSIGN_OR_RETURN(dropped, parts_.submissions.DeclareFiles(record.name, files));
    ASSIGN_OR_RETURN(after, parts_.submissions.Get(record.name));
    return parts_.audit
        .Append(caller.Name(), "DECLARE_FILES", record.name,
                {{"files", files.size()}, {"bytes", missing_bytes}})
        .status();
  });
  RETURN_IF_ERROR(committed);
  RETURN_IF_ERROR(parts_.sessions.Discard(dropped));
  // What had arrived under the earlier declaration and is wanted no longer.
  std::vector<Digest> digests;
  for (const SubmissionFile& file : before.files) {
    if (file.held) digests.push_back(file.digest);
  }
  const BlobCollector collector(parts_.database, parts_.blobs);
  RETURN_IF_ERROR(collector.Collect(digests).status());
  *response.mutable_submission() = ToMessage(after);
  for (const SubmissionFile& file : after.files) {
    if (!file.held) ToMessage(file, response.add_missing_files());
  }
  parts_.watches.Notify(record.name);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* SubmissionService::StartUpload(grpc::CallbackServerContext* context,
                                                         const v1::StartUploadRequest* request,
                                                         v1::Upload* response) {
  return HandleUnary(context, *request, parts_.resolver, "SubmissionService/StartUpload",
                     [&](const Caller& caller) -> absl::Status {
                       RETURN_IF_ERROR(GetOwn(caller, request->parent(), false).status());
                       RETURN_IF_ERROR(parts_.sessions.SweepExpired());
                       UploadRecord upload;
                       RETURN_IF_ERROR(parts_.database.Transact([&]() -> absl::Status {
                         ASSIGN_OR_RETURN(
                             upload, parts_.submissions.StartUpload(
                                         request->parent(), request->path(), parts_.clock.Now()));
                         return absl::OkStatus();
                       }));
                       return Describe(upload, *response);
                     });
}

grpc::ServerReadReactor<v1::WriteUploadRequest>* SubmissionService::WriteUpload(
    grpc::CallbackServerContext* context, v1::Upload* response) {
  const absl::StatusOr<Caller> caller = parts_.resolver.ResolveStream(*context);
  UploadStreamParts stream = {
      .sessions = parts_.sessions,
      .queue = parts_.queue,
      .authorize = [this, context](const std::string& name) -> absl::StatusOr<UploadRecord> {
        ASSIGN_OR_RETURN(const Caller now, parts_.resolver.ResolveStream(*context));
        ASSIGN_OR_RETURN(UploadRecord upload, GetOwnUpload(now, name));
        ASSIGN_OR_RETURN(const SubmissionRecord record, parts_.submissions.Get(upload.submission));
        if (record.state == SubmissionState::kUploading) return upload;
        return MakeError(
            absl::StatusCode::kFailedPrecondition, "PHASE_MISMATCH",
            {.what = absl::StrCat(record.name, ": state ", SubmissionStateName(record.state),
                                  "; must be UPLOADING to be written"),
             .fix = "kalavai status"});
      },
      .describe = [this](const std::string& name, v1::Upload* message) -> absl::Status {
        ASSIGN_OR_RETURN(const UploadRecord upload, parts_.submissions.GetUpload(name));
        return Describe(upload, *message);
      }};
  return NewUploadStream(context, caller, std::move(stream), response);
}

grpc::ServerUnaryReactor* SubmissionService::GetUpload(grpc::CallbackServerContext* context,
                                                       const v1::GetUploadRequest* request,
                                                       v1::Upload* response) {
  return HandleUnary(context, *request, parts_.resolver, "SubmissionService/GetUpload",
                     [&](const Caller& caller) -> absl::Status {
                       ASSIGN_OR_RETURN(const UploadRecord upload,
                                        GetOwnUpload(caller, request->name()));
                       return Describe(upload, *response);
                     });
}

grpc::ServerUnaryReactor* SubmissionService::FinalizeSubmission(
    grpc::CallbackServerContext* context, const v1::FinalizeSubmissionRequest* request,
    v1::Submission* response) {
  return HandleUnary(
      context, *request, parts_.resolver, "SubmissionService/FinalizeSubmission",
      [&](const Caller& caller) { return Finalize(caller, request->name(), *response); });
}

absl::Status SubmissionService::Finalize(const Caller& caller, const std::string& name,
                                         v1::Submission& response) {
  ASSIGN_OR_RETURN(SubmissionRecord record, GetOwn(caller, name, false));
  if (record.state != SubmissionState::kDraft && record.state != SubmissionState::kUploading) {
    response = ToMessage(record);  // repeated: where it stands
    return absl::OkStatus();
  }
  const absl::Status committed = parts_.database.Transact([&]() -> absl::Status {
    // Inside the transaction: nobody may declare other files between this look and the check.
    ASSIGN_OR_RETURN(record, parts_.submissions.Get(name));
    for (const SubmissionFile& file : record.files) {
      if (file.held) continue;
      return MakeError(absl::StatusCode::kFailedPrecondition, "UPLOAD_INCOMPLETE",
                       {.what = absl::StrCat(file.path, ": not uploaded whole; must be"),
                        .fix = "run 'kalavai submit' again; it resumes",
                        .metadata = {{"file", file.path}}});
    }
    RETURN_IF_ERROR(parts_.submissions.BeginChecking(name));
    RETURN_IF_ERROR(parts_.audit.Append(caller.Name(), "FINALIZE_SUBMISSION", name).status());
    ASSIGN_OR_RETURN(record, parts_.submissions.Get(name));
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(committed);
  response = ToMessage(record);
  parts_.watches.Notify(name);
  return parts_.admission.Start(name);
}

grpc::ServerUnaryReactor* SubmissionService::GetSubmission(grpc::CallbackServerContext* context,
                                                           const v1::GetSubmissionRequest* request,
                                                           v1::Submission* response) {
  return HandleUnary(context, *request, parts_.resolver, "SubmissionService/GetSubmission",
                     [&](const Caller& caller) -> absl::Status {
                       ASSIGN_OR_RETURN(const SubmissionRecord record,
                                        GetOwn(caller, request->name(), true));
                       *response = ToMessage(record);
                       return absl::OkStatus();
                     });
}

grpc::ServerWriteReactor<v1::Submission>* SubmissionService::WatchSubmission(
    grpc::CallbackServerContext* context, const v1::GetSubmissionRequest* request) {
  const absl::StatusOr<Caller> caller = parts_.resolver.Resolve(*context, *request);
  return parts_.watches.NewWatch(
      request->name(), caller,
      [this, caller, name = request->name()]() -> absl::StatusOr<v1::Submission> {
        ASSIGN_OR_RETURN(const SubmissionRecord record, GetOwn(*caller, name, true));
        return ToMessage(record);
      });
}

grpc::ServerUnaryReactor* SubmissionService::ListSubmissions(
    grpc::CallbackServerContext* context, const v1::ListSubmissionsRequest* request,
    v1::ListSubmissionsResponse* response) {
  return HandleUnary(context, *request, parts_.resolver, "SubmissionService/ListSubmissions",
                     [&](const Caller& caller) { return List(caller, *request, *response); });
}

absl::Status SubmissionService::List(const Caller& caller,
                                     const v1::ListSubmissionsRequest& request,
                                     v1::ListSubmissionsResponse& response) {
  ASSIGN_OR_RETURN(const std::string cooperative, ParseCooperativeName(request.parent()));
  RETURN_IF_ERROR(caller.RequireCooperative(cooperative));
  const std::string own = caller.IsAdministrator() ? "" : caller.Name();
  const std::string query = absl::StrCat("ListSubmissions ", request.parent(), " ", own);
  ASSIGN_OR_RETURN(const std::string after, ParsePageToken(query, request.page_token()));
  ASSIGN_OR_RETURN(const int64_t size, PageSize(request.page_size()));
  ASSIGN_OR_RETURN(const std::vector<SubmissionRecord> records,
                   parts_.submissions.List(request.parent(), own, after, size + 1));
  for (size_t i = 0; i < records.size() && i < static_cast<size_t>(size); ++i) {
    *response.add_submissions() = ToMessage(records[i]);
  }
  if (records.size() > static_cast<size_t>(size)) {
    response.set_next_page_token(
        FormatPageToken(query, records[static_cast<size_t>(size) - 1].name));
  }
  return absl::OkStatus();
}

absl::StatusOr<SubmissionRecord> SubmissionService::GetOwn(const Caller& caller,
                                                           const std::string& name,
                                                           bool read_only) {
  ASSIGN_OR_RETURN(const ChildName parsed, ParseSubmissionName(name));
  if (caller.IsAdministrator()) {
    if (!read_only) return PermissionDenied();
    return parts_.submissions.Get(name);
  }
  RETURN_IF_ERROR(caller.RequireMemberOf(parsed.cooperative));
  absl::StatusOr<SubmissionRecord> record = parts_.submissions.Get(name);
  if (record.status().code() == absl::StatusCode::kNotFound) return PermissionDenied();
  if (!record.ok()) return record.status();
  if (record->contributor != caller.Name()) return PermissionDenied();
  return record;
}

absl::StatusOr<UploadRecord> SubmissionService::GetOwnUpload(const Caller& caller,
                                                             const std::string& name) {
  ASSIGN_OR_RETURN(const UploadName parsed, ParseUploadName(name));
  RETURN_IF_ERROR(
      GetOwn(caller, SubmissionName(parsed.cooperative, parsed.submission), false).status());
  return parts_.submissions.GetUpload(name);
}

absl::Status SubmissionService::Describe(const UploadRecord& upload, v1::Upload& response) {
  ASSIGN_OR_RETURN(const int64_t persisted, parts_.sessions.PersistedSize(upload));
  response.set_name(upload.name);
  response.mutable_file()->set_path(upload.path);
  response.mutable_file()->set_size_bytes(upload.size_bytes);
  response.mutable_file()->set_sha256(upload.digest.Hex());
  response.set_persisted_size_bytes(persisted);
  response.set_chunk_bytes_max(limits::kUploadChunkBytes);
  SetTime(upload.expire_time, response.mutable_expire_time());
  response.set_complete(upload.complete);
  return absl::OkStatus();
}

}  // namespace kalavai::coordinator

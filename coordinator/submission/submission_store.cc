#include "coordinator/submission/submission_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace kalavai::coordinator {
namespace {

constexpr char kSubmissionColumns[] =
    "SELECT name, cooperative, contributor, domain, state, nonce, root_digest, weights_digest, "
    "divergence_percent, receipt_envelope, create_time, decide_time FROM current_submissions ";
constexpr char kUploadColumns[] =
    "SELECT u.name, u.submission, u.contributor, u.path, f.size_bytes, f.digest, u.staging_id, "
    "u.expire_time, f.held FROM uploads AS u JOIN submission_files AS f "
    "ON f.submission = u.submission AND f.path = u.path ";

constexpr SubmissionState kStates[] = {SubmissionState::kDraft,       SubmissionState::kUploading,
                                       SubmissionState::kChecking,    SubmissionState::kAdmitted,
                                       SubmissionState::kQuarantined, SubmissionState::kRejected,
                                       SubmissionState::kWithdrawn,   SubmissionState::kSuperseded};

SubmissionState ParseState(absl::string_view name) {
  const auto found =
      std::find_if(std::begin(kStates), std::end(kStates),
                   [&](SubmissionState state) { return SubmissionStateName(state) == name; });
  KALAVAI_CHECK(found != std::end(kStates), "the schema admits known states only");
  return *found;
}

std::optional<Digest> OptionalDigest(Row& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.Digest(column);
}

SubmissionRecord ReadSubmission(Row& row) {
  SubmissionRecord record;
  record.name = row.Text(0);
  record.cooperative = row.Text(1);
  record.contributor = row.Text(2);
  record.domain = row.Text(3);
  record.state = ParseState(row.Text(4));
  record.nonce = row.Text(5);
  record.root_digest = OptionalDigest(row, 6);
  record.weights_digest = OptionalDigest(row, 7);
  record.divergence_percent = row.OptionalDouble(8);
  record.receipt_envelope = row.Text(9);
  record.create_time = row.Time(10);
  if (!row.IsNull(11)) record.decide_time = row.Time(11);
  return record;
}

UploadRecord ReadUpload(Row& row) {
  return {.name = row.Text(0),
          .submission = row.Text(1),
          .contributor = row.Text(2),
          .path = row.Text(3),
          .size_bytes = row.Int(4),
          .digest = row.Digest(5),
          .staging_id = row.Text(6),
          .expire_time = row.Time(7),
          .complete = row.Bool(8)};
}

absl::Status NotFound(absl::string_view reason, absl::string_view name, absl::string_view fix) {
  return MakeError(absl::StatusCode::kNotFound, reason,
                   {.what = absl::StrCat(name, ": not found; must exist"),
                    .fix = std::string(fix),
                    .metadata = {{"name", std::string(name)}}});
}

absl::Status TooManyUploads(absl::string_view whose, int64_t max) {
  return MakeError(absl::StatusCode::kResourceExhausted, "TOO_MANY_UPLOADS",
                   {.what = absl::StrCat(whose, ": ", max, " uploads are open; must be fewer"),
                    .fix = "finish one first, or try again later",
                    .metadata = {{"max", absl::StrCat(max)}}});
}

// What is held now was here, whatever becomes of its row.
absl::Status RememberHeld(Database& database, absl::string_view submission) {
  return database.Execute(
      "INSERT OR IGNORE INTO submitted_files(contributor, digest) "
      "SELECT s.contributor, f.digest FROM submission_files AS f JOIN submissions AS s "
      "ON s.name = f.submission WHERE f.submission = ? AND f.held = 1",
      submission);
}

}  // namespace

absl::string_view SubmissionStateName(SubmissionState state) {
  switch (state) {
    case SubmissionState::kDraft:
      return "DRAFT";
    case SubmissionState::kUploading:
      return "UPLOADING";
    case SubmissionState::kChecking:
      return "CHECKING";
    case SubmissionState::kAdmitted:
      return "ADMITTED";
    case SubmissionState::kQuarantined:
      return "QUARANTINED";
    case SubmissionState::kRejected:
      return "REJECTED";
    case SubmissionState::kWithdrawn:
      return "WITHDRAWN";
    case SubmissionState::kSuperseded:
      return "SUPERSEDED";
  }
  return "UNKNOWN";
}

const Digest* AdmittedSubmission::FindFile(absl::string_view path) const {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const SubmissionFile& file) { return file.path == path; });
  return found == files.end() ? nullptr : &found->digest;
}

absl::Status SubmissionStore::Create(const SubmissionRecord& record) {
  bool quarantined = false;  // waits for a decision
  RETURN_IF_ERROR(database_.Query(
      "SELECT EXISTS (SELECT 1 FROM submissions WHERE contributor = ? AND state = 'QUARANTINED')",
      [&](Row& row) {
        quarantined = row.Bool(0);
        return absl::OkStatus();
      },
      record.contributor));
  const absl::Status status =
      quarantined ? absl::AlreadyExistsError("")
                  : database_.Execute(
                        "INSERT INTO submissions(name, cooperative, contributor, domain, "
                        "state, nonce, create_time) VALUES (?, ?, ?, ?, 'DRAFT', ?, ?)",
                        record.name, record.cooperative, record.contributor, record.domain,
                        record.nonce, record.create_time);
  if (status.code() != absl::StatusCode::kAlreadyExists) return status;
  return MakeError(
      absl::StatusCode::kAlreadyExists, "SUBMISSION_EXISTS",
      {.what = absl::StrCat(record.contributor,
                            ": has a submission under way; must have none that waits for files, "
                            "checks or a decision"),
       .why = "one submission of a contributor at a time",
       .fix = "'kalavai submit' goes on with it; 'kalavai status' shows it",
       .metadata = {{"contributor", record.contributor}}});
}

absl::Status SubmissionStore::ReadDetails(SubmissionRecord& record) {
  RETURN_IF_ERROR(database_.Query(
      "SELECT path, size_bytes, digest, held FROM submission_files WHERE submission = ? "
      "ORDER BY path",
      [&](Row& row) {
        record.files.push_back({.path = row.Text(0),
                                .size_bytes = row.Int(1),
                                .digest = row.Digest(2),
                                .held = row.Bool(3)});
        return absl::OkStatus();
      },
      record.name));
  return database_.Query(
      "SELECT check_name, passed, reason, message FROM submission_checks WHERE submission = ? "
      "ORDER BY position",
      [&](Row& row) {
        record.checks.push_back({.check = row.Text(0),
                                 .passed = row.Bool(1),
                                 .reason = row.Text(2),
                                 .message = row.Text(3)});
        return absl::OkStatus();
      },
      record.name);
}

absl::StatusOr<SubmissionRecord> SubmissionStore::Get(absl::string_view name) {
  std::optional<SubmissionRecord> record;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat(kSubmissionColumns, "WHERE name = ?"),
      [&](Row& row) {
        record = ReadSubmission(row);
        return absl::OkStatus();
      },
      name));
  if (!record.has_value()) return NotFound("SUBMISSION_NOT_FOUND", name, "kalavai status");
  RETURN_IF_ERROR(ReadDetails(*record));
  return *std::move(record);
}

absl::StatusOr<std::vector<SubmissionRecord>> SubmissionStore::List(absl::string_view cooperative,
                                                                    absl::string_view contributor,
                                                                    absl::string_view after,
                                                                    int64_t limit) {
  std::vector<SubmissionRecord> records;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat(kSubmissionColumns,
                   "WHERE cooperative = ?1 AND (?2 = '' OR contributor = ?2) AND name > ?3 "
                   "ORDER BY name LIMIT ?4"),
      [&](Row& row) {
        records.push_back(ReadSubmission(row));
        return absl::OkStatus();
      },
      cooperative, contributor, after, limit));
  for (SubmissionRecord& record : records) RETURN_IF_ERROR(ReadDetails(record));
  return records;
}

absl::StatusOr<int64_t> SubmissionStore::Count(absl::string_view contributor) {
  int64_t count = 0;
  RETURN_IF_ERROR(database_.Query(
      "SELECT count(*) FROM submissions WHERE contributor = ?",
      [&](Row& row) {
        count = row.Int(0);
        return absl::OkStatus();
      },
      contributor));
  return count;
}

absl::StatusOr<int64_t> SubmissionStore::CountVersions(absl::string_view contributor) {
  int64_t count = 0;
  RETURN_IF_ERROR(database_.Query(
      "SELECT count(*) FROM submissions WHERE contributor = ? AND state = 'ADMITTED'",
      [&](Row& row) {
        count = row.Int(0);
        return absl::OkStatus();
      },
      contributor));
  return count;
}

absl::Status SubmissionStore::Move(absl::string_view name, absl::string_view from,
                                   absl::string_view to) {
  ASSIGN_OR_RETURN(const SubmissionRecord record, Get(name));
  const absl::string_view actual = SubmissionStateName(record.state);
  // `from` is one state, or two with a space between.
  const bool legal = from == actual || absl::StartsWith(from, absl::StrCat(actual, " ")) ||
                     absl::EndsWith(from, absl::StrCat(" ", actual));
  if (!legal) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "PHASE_MISMATCH",
        {.what = absl::StrCat(name, ": state ", actual, "; must be ", from, " to become ", to),
         .fix = "kalavai status",
         .metadata = {{"actual", std::string(actual)}, {"expected", std::string(from)}}});
  }
  return database_.Execute("UPDATE submissions SET state = ? WHERE name = ?", to, name);
}

absl::StatusOr<std::vector<UploadRecord>> SubmissionStore::DeclareFiles(
    absl::string_view name, const std::vector<SubmissionFile>& files) {
  RETURN_IF_ERROR(Move(name, "DRAFT UPLOADING", "UPLOADING"));
  std::vector<UploadRecord> dropped;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat(kUploadColumns, "WHERE u.submission = ?"),
      [&](Row& row) {
        UploadRecord upload = ReadUpload(row);
        const bool kept = std::any_of(files.begin(), files.end(), [&](const SubmissionFile& file) {
          return file.path == upload.path && file.digest == upload.digest &&
                 file.size_bytes == upload.size_bytes;
        });
        if (!kept) dropped.push_back(std::move(upload));
        return absl::OkStatus();
      },
      name));
  for (const UploadRecord& upload : dropped) {
    RETURN_IF_ERROR(database_.Execute("DELETE FROM uploads WHERE name = ?", upload.name));
  }
  ASSIGN_OR_RETURN(const SubmissionRecord earlier, Get(name));
  RETURN_IF_ERROR(database_.Execute("DELETE FROM submission_files WHERE submission = ?", name));
  for (const SubmissionFile& file : files) {
    // What this member sent before under an earlier declaration need not be sent again.
    const bool held =
        file.held ||
        std::any_of(earlier.files.begin(), earlier.files.end(), [&](const SubmissionFile& before) {
          return before.held && before.digest == file.digest &&
                 before.size_bytes == file.size_bytes;
        });
    RETURN_IF_ERROR(database_.Execute(
        "INSERT INTO submission_files(submission, path, size_bytes, digest, held) "
        "VALUES (?, ?, ?, ?, ?)",
        name, file.path, file.size_bytes, file.digest, held));
  }
  RETURN_IF_ERROR(RememberHeld(database_, name));
  return dropped;
}

absl::Status SubmissionStore::BeginChecking(absl::string_view name) {
  return Move(name, "UPLOADING", "CHECKING");
}

absl::Status SubmissionStore::AddCheck(absl::string_view name, int64_t position,
                                       const CheckResult& check) {
  return database_.Execute(
      "INSERT INTO submission_checks(submission, position, check_name, passed, reason, message) "
      "VALUES (?, ?, ?, ?, ?, ?)",
      name, position, check.check, check.passed, check.reason, check.message);
}

absl::Status SubmissionStore::ReleaseRejected(absl::string_view submission) {
  RETURN_IF_ERROR(database_.Execute(
      "UPDATE submission_files SET held = 0 WHERE held = 1 AND submission IN ("
      "  SELECT name FROM submissions WHERE state = 'REJECTED' AND contributor = "
      "    (SELECT contributor FROM submissions WHERE name = ?1)) "
      "AND (path LIKE '%.safetensors' OR size_bytes > ?2 OR submission NOT IN ("
      "  SELECT name FROM submissions WHERE state = 'REJECTED' AND contributor = "
      "    (SELECT contributor FROM submissions WHERE name = ?1) "
      "  ORDER BY create_time DESC, rowid DESC LIMIT ?3))",
      submission, limits::kEvidenceFileBytesMax, limits::kEvidenceSubmissionsMax));
  return database_.Execute("DELETE FROM uploads WHERE submission = ?", submission);
}

absl::Status SubmissionStore::Supersede(absl::string_view name) {
  return database_.Execute(
      "UPDATE submissions SET superseded_by = ?1 WHERE state = 'ADMITTED' AND name <> ?1 "
      "AND superseded_by IS NULL "
      "AND contributor = (SELECT contributor FROM submissions WHERE name = ?1)",
      name);
}

absl::Status SubmissionStore::ReleaseWithdrawn(absl::string_view contributor) {
  for (const char* const sql :
       {"DELETE FROM uploads WHERE contributor = ?",
        "UPDATE submission_files SET held = 0 WHERE submission IN "
        "(SELECT name FROM submissions WHERE contributor = ?)",
        "UPDATE submission_checks SET message = '' WHERE submission IN "
        "(SELECT name FROM submissions WHERE contributor = ?)",
        "UPDATE submissions SET divergence_percent = NULL WHERE contributor = ?"}) {
    RETURN_IF_ERROR(database_.Execute(sql, contributor));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Digest>> SubmissionStore::ListDigests(absl::string_view contributor) {
  std::vector<Digest> digests;
  RETURN_IF_ERROR(database_.Query(
      "SELECT digest FROM submitted_files WHERE contributor = ? ORDER BY digest",
      [&](Row& row) {
        digests.push_back(row.Digest(0));
        return absl::OkStatus();
      },
      contributor));
  return digests;
}

absl::Status SubmissionStore::Decide(absl::string_view name, const SubmissionVerdict& verdict) {
  if (verdict.state == SubmissionState::kAdmitted) RETURN_IF_ERROR(Supersede(name));
  RETURN_IF_ERROR(Move(name, "CHECKING", SubmissionStateName(verdict.state)));
  RETURN_IF_ERROR(database_.Execute(
      "UPDATE submissions SET root_digest = ?, weights_digest = ?, divergence_percent = ?, "
      "receipt_envelope = ?, decide_time = ? WHERE name = ?",
      verdict.root_digest, verdict.weights_digest, verdict.divergence_percent,
      verdict.receipt_envelope, verdict.decide_time, name));
  RETURN_IF_ERROR(database_.Execute("DELETE FROM submission_checks WHERE submission = ?", name));
  for (size_t i = 0; i < verdict.checks.size(); ++i) {
    RETURN_IF_ERROR(AddCheck(name, static_cast<int64_t>(i), verdict.checks[i]));
  }
  return verdict.state == SubmissionState::kRejected ? ReleaseRejected(name) : absl::OkStatus();
}

absl::Status SubmissionStore::DecideQuarantined(absl::string_view name, bool admit,
                                                absl::string_view comment,
                                                absl::string_view receipt_envelope,
                                                absl::Time now) {
  if (admit) RETURN_IF_ERROR(Supersede(name));
  RETURN_IF_ERROR(Move(name, "QUARANTINED", admit ? "ADMITTED" : "REJECTED"));
  RETURN_IF_ERROR(AppendVerdict(name,
                                {.check = "administrator",
                                 .passed = admit,
                                 .reason = admit ? "" : "SUBMISSION_NOT_ADMITTED",
                                 .message = std::string(comment)},
                                receipt_envelope, now));
  return admit ? absl::OkStatus() : ReleaseRejected(name);
}

absl::Status SubmissionStore::Quarantine(absl::string_view name, const CheckResult& check,
                                         absl::string_view receipt_envelope, absl::Time now) {
  RETURN_IF_ERROR(Move(name, "ADMITTED", "QUARANTINED"));
  return AppendVerdict(name, check, receipt_envelope, now);
}

absl::Status SubmissionStore::AppendVerdict(absl::string_view name, const CheckResult& check,
                                            absl::string_view receipt_envelope, absl::Time now) {
  ASSIGN_OR_RETURN(const SubmissionRecord record, Get(name));
  RETURN_IF_ERROR(AddCheck(name, static_cast<int64_t>(record.checks.size()), check));
  return database_.Execute(
      "UPDATE submissions SET receipt_envelope = ?, decide_time = ? WHERE name = ?",
      receipt_envelope, now, name);
}

absl::StatusOr<std::vector<std::string>> SubmissionStore::ListChecking() {
  std::vector<std::string> names;
  RETURN_IF_ERROR(database_.Query(
      "SELECT name FROM current_submissions WHERE state = 'CHECKING' ORDER BY name", [&](Row& row) {
        names.push_back(row.Text(0));
        return absl::OkStatus();
      }));
  return names;
}

absl::StatusOr<std::vector<AdmittedSubmission>> SubmissionStore::ListAdmitted(
    absl::string_view cooperative) {
  return ListInStates(cooperative, /*superseded=*/false);
}

absl::StatusOr<std::vector<AdmittedSubmission>> SubmissionStore::ListUsable(
    absl::string_view cooperative) {
  return ListInStates(cooperative, /*superseded=*/true);
}

absl::StatusOr<std::vector<AdmittedSubmission>> SubmissionStore::ListInStates(
    absl::string_view cooperative, bool superseded) {
  std::vector<SubmissionRecord> records;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat(kSubmissionColumns,
                   "WHERE cooperative = ?1 AND (state = 'ADMITTED' OR (?2 AND state = "
                   "'SUPERSEDED')) ORDER BY name"),
      [&](Row& row) {
        records.push_back(ReadSubmission(row));
        return absl::OkStatus();
      },
      cooperative, superseded));
  std::vector<AdmittedSubmission> admitted;
  for (SubmissionRecord& record : records) {
    RETURN_IF_ERROR(ReadDetails(record));
    KALAVAI_CHECK(record.root_digest.has_value(), "an admitted submission has a root digest");
    admitted.push_back({.submission = record.name,
                        .contributor = record.contributor,
                        .domain = record.domain,
                        .root_digest = *record.root_digest,
                        .divergence_percent = record.divergence_percent,
                        .files = std::move(record.files)});
  }
  return admitted;
}

absl::StatusOr<std::optional<std::string>> SubmissionStore::FindByWeights(
    absl::string_view cooperative, const Digest& weights_digest, absl::string_view except) {
  // Rejected ones count too: a copy of rejected weights is still a copy of another's. The member's
  // own earlier submissions do not: sending the same specialist again is no theft.
  std::optional<std::string> found;
  RETURN_IF_ERROR(database_.Query(
      "SELECT name FROM submissions WHERE cooperative = ?1 AND weights_digest = ?2 AND name <> ?3 "
      "AND contributor <> (SELECT contributor FROM submissions WHERE name = ?3) "
      "ORDER BY decide_time LIMIT 1",
      [&](Row& row) {
        found = row.Text(0);
        return absl::OkStatus();
      },
      cooperative, weights_digest, except));
  return found;
}

absl::StatusOr<UploadRecord> SubmissionStore::StartUpload(absl::string_view submission,
                                                          absl::string_view path, absl::Time now) {
  ASSIGN_OR_RETURN(const SubmissionRecord record, Get(submission));
  RETURN_IF_ERROR(Move(submission, "UPLOADING", "UPLOADING"));
  const auto file = std::find_if(record.files.begin(), record.files.end(),
                                 [&](const SubmissionFile& f) { return f.path == path; });
  if (file == record.files.end()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "FILE_NOT_IN_MANIFEST",
                     {.what = absl::StrCat(path, ": not declared; must be in DeclareFiles"),
                      .fix = "declare it first",
                      .metadata = {{"file", std::string(path)}}});
  }
  const std::string name = absl::StrCat(submission, "/uploads/", file->digest.Hex());
  const absl::Time expire_time = now + absl::Seconds(limits::kUploadExpirySeconds);
  if (const absl::StatusOr<UploadRecord> open = GetUpload(name); open.ok()) {
    RETURN_IF_ERROR(
        database_.Execute("UPDATE uploads SET expire_time = ? WHERE name = ?", expire_time, name));
    return GetUpload(name);
  }
  int64_t own = 0, all = 0;
  RETURN_IF_ERROR(database_.Query(
      "SELECT coalesce(sum(u.contributor = ?), 0), count(*) FROM uploads AS u "
      "JOIN submission_files AS f ON f.submission = u.submission AND f.path = u.path "
      "WHERE f.held = 0",
      [&](Row& row) {
        own = row.Int(0);
        all = row.Int(1);
        return absl::OkStatus();
      },
      record.contributor));
  if (own >= limits::kUploadsPerContributorMax) {
    return TooManyUploads(record.contributor, limits::kUploadsPerContributorMax);
  }
  if (all >= limits::kUploadsOpenMax) {
    return TooManyUploads("coordinator", limits::kUploadsOpenMax);
  }
  // The name itself is too long for a staging file.
  RETURN_IF_ERROR(database_.Execute(
      "INSERT INTO uploads(name, submission, contributor, path, staging_id, expire_time) "
      "VALUES (?, ?, ?, ?, ?, ?)",
      name, submission, record.contributor, path, Sha256Of(name).Hex(), expire_time));
  return GetUpload(name);
}

absl::StatusOr<UploadRecord> SubmissionStore::GetUpload(absl::string_view upload) {
  std::optional<UploadRecord> record;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat(kUploadColumns, "WHERE u.name = ?"),
      [&](Row& row) {
        record = ReadUpload(row);
        return absl::OkStatus();
      },
      upload));
  if (!record.has_value()) return NotFound("UPLOAD_NOT_FOUND", upload, "start the upload again");
  return *std::move(record);
}

absl::Status SubmissionStore::CompleteUpload(const UploadRecord& upload) {
  // Two files of one content are one upload.
  RETURN_IF_ERROR(database_.Execute(
      "UPDATE submission_files SET held = 1 WHERE submission = ?1 AND digest = ?2 "
      "AND size_bytes = ?3 AND EXISTS ("
      "SELECT 1 FROM current_submissions WHERE name = ?1 AND state = 'UPLOADING')",
      upload.submission, upload.digest, upload.size_bytes));
  if (database_.ChangedRows() > 0) return RememberHeld(database_, upload.submission);
  return NotFound("UPLOAD_NOT_FOUND", upload.name, "start the upload again");
}

absl::StatusOr<std::vector<UploadRecord>> SubmissionStore::ExpireUploads(absl::Time now) {
  std::vector<UploadRecord> expired;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat(kUploadColumns, "WHERE u.expire_time <= ? AND f.held = 0"),
      [&](Row& row) {
        expired.push_back(ReadUpload(row));
        return absl::OkStatus();
      },
      now));
  for (const UploadRecord& upload : expired) {
    RETURN_IF_ERROR(database_.Execute("DELETE FROM uploads WHERE name = ?", upload.name));
  }
  return expired;
}

}  // namespace kalavai::coordinator

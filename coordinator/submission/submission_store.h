// All rows of phase 3: submissions, their declared files, open uploads, checks and verdicts.
//
//   SubmissionStore store(database);
//   ASSIGN_OR_RETURN(auto admitted, store.ListAdmitted("cooperatives/nordic"));  // what may be
//   fused
//
// Names are resource names. Methods that change something are called within Database::Transact,
// so that an act, its log leaf and its receipt are one commit. A member that left is masked here,
// when rows are read: its submissions are WITHDRAWN and never listed as admitted.
//
// Errors besides those of Database: NOT_FOUND SUBMISSION_NOT_FOUND, NOT_FOUND UPLOAD_NOT_FOUND,
// ALREADY_EXISTS SUBMISSION_EXISTS, FAILED_PRECONDITION PHASE_MISMATCH (the submission is in
// another state than the change needs; metadata "actual"). Any thread.
#ifndef KALAVAI_COORDINATOR_SUBMISSION_SUBMISSION_STORE_H_
#define KALAVAI_COORDINATOR_SUBMISSION_SUBMISSION_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/crypto/sha256.h"
#include "common/storage/sqlite.h"

namespace kalavai::coordinator {

enum class SubmissionState {
  kDraft,        // nonce issued, files not declared
  kUploading,    //
  kChecking,     // all files held; admission runs
  kAdmitted,     // may be fused
  kQuarantined,  // not fused until an administrator decides
  kRejected,     // the contributor may submit again
  kWithdrawn,    // the contributor has left
  kSuperseded,   // a newer one of the same contributor was admitted: not fused any more
};
absl::string_view SubmissionStateName(SubmissionState state);  // "ADMITTED"

struct SubmissionFile {
  std::string path;  // flat: no '/'
  int64_t size_bytes = 0;
  Digest digest = {};
  bool held = false;  // the blob store has the bytes
};

// One admission check: what was looked at, and the reason (error_reason.proto) when it failed.
struct CheckResult {
  std::string check;
  bool passed = false;
  std::string reason;
  std::string message;
};

// The check of a specialist by what a fusion measured (coordinator/fusion/specialist_screening.h).
inline constexpr char kProbeDivergenceCheck[] = "probe_divergence";

struct SubmissionRecord {
  std::string name;         // cooperatives/{c}/submissions/{s}
  std::string cooperative;  // cooperatives/{c}
  std::string contributor;  // cooperatives/{c}/contributors/{contributor}
  std::string domain;
  SubmissionState state = SubmissionState::kDraft;
  std::string nonce;                  // 64 hex digits
  std::vector<SubmissionFile> files;  // sorted by path
  std::optional<Digest> root_digest;
  std::optional<Digest> weights_digest;  // WeightsDigest of admission.h
  std::vector<CheckResult> checks;       // in the order they ran
  std::string receipt_envelope;          // DSSE (JSON); "" before the verdict
  std::optional<double> divergence_percent;
  absl::Time create_time;
  std::optional<absl::Time> decide_time;
};

// What a fusion needs of one specialist.
struct AdmittedSubmission {
  std::string submission;
  std::string contributor;
  std::string domain;
  Digest root_digest;
  std::optional<double> divergence_percent = {};  // from the signed divergence.json
  std::vector<SubmissionFile> files;              // sorted by path; the bytes are in the blob store

  // The digest of the named file, or nullptr.
  const Digest* FindFile(absl::string_view path) const;
};

struct UploadRecord {
  std::string name;  // {submission}/uploads/{digest, hex}
  std::string submission;
  std::string contributor;
  std::string path;
  int64_t size_bytes = 0;  // declared
  Digest digest;           // declared
  std::string staging_id;
  absl::Time expire_time;
  bool complete = false;  // the file is in the blob store; its staging file is gone
};

// The verdict on a submission, written with its log leaf and receipt in one transaction.
struct SubmissionVerdict {
  SubmissionState state = SubmissionState::kRejected;  // kAdmitted, kQuarantined or kRejected
  std::optional<Digest> root_digest;
  std::optional<Digest> weights_digest;
  std::optional<double> divergence_percent;
  std::vector<CheckResult> checks;
  std::string receipt_envelope;
  absl::Time decide_time;
};

class SubmissionStore {
 public:
  explicit SubmissionStore(Database& database) : database_(database) {}

  // DRAFT. SUBMISSION_EXISTS when the contributor has one that is under way or quarantined.
  absl::Status Create(const SubmissionRecord& record);
  absl::StatusOr<SubmissionRecord> Get(absl::string_view name);
  // Sorted by name, at most `limit`, names greater than `after`. `contributor` "" = everybody's.
  absl::StatusOr<std::vector<SubmissionRecord>> List(absl::string_view cooperative,
                                                     absl::string_view contributor,
                                                     absl::string_view after, int64_t limit);
  // How many submissions the contributor ever made.
  absl::StatusOr<int64_t> Count(absl::string_view contributor);

  // How many of them were admitted, superseded ones included.
  absl::StatusOr<int64_t> CountVersions(absl::string_view contributor);

  // DRAFT or UPLOADING -> UPLOADING: replaces the declared files. Uploads of files that are no
  // longer declared are dropped and returned, so that the caller removes their staging files.
  absl::StatusOr<std::vector<UploadRecord>> DeclareFiles(absl::string_view name,
                                                         const std::vector<SubmissionFile>& files);
  // UPLOADING -> CHECKING.
  absl::Status BeginChecking(absl::string_view name);
  // CHECKING -> the verdict's state. An admitted one supersedes the contributor's earlier one. Of a
  // rejected submission only evidence stays held: files of at
  // most limits::kEvidenceFileBytesMax that are no weights, of the contributor's newest
  // limits::kEvidenceSubmissionsMax rejected ones; its uploads are over. The bytes are the
  // caller's to collect (BlobCollector; ListReleased of BlobReferenceStore).
  absl::Status Decide(absl::string_view name, const SubmissionVerdict& verdict);
  // An administrator's decision. QUARANTINED -> ADMITTED or REJECTED, appended to the checks; of a
  // rejected one as above.
  absl::Status DecideQuarantined(absl::string_view name, bool admit, absl::string_view comment,
                                 absl::string_view receipt_envelope, absl::Time now);
  // ADMITTED -> QUARANTINED by a check that failed later, appended to the checks.
  absl::Status Quarantine(absl::string_view name, const CheckResult& check,
                          absl::string_view receipt_envelope, absl::Time now);
  // Names in state CHECKING: what a restarted coordinator checks again.
  absl::StatusOr<std::vector<std::string>> ListChecking();

  // Admitted submissions of members that have not left, sorted by name: what may be fused.
  absl::StatusOr<std::vector<AdmittedSubmission>> ListAdmitted(absl::string_view cooperative);
  // The same and those superseded since: what a fusion that was begun may go on with, and a model
  // that was released may be served with.
  absl::StatusOr<std::vector<AdmittedSubmission>> ListUsable(absl::string_view cooperative);

  // The contributor has left: lets go of every file it sent, ends its uploads and empties what was
  // computed from its bytes; names, digests, verdicts and receipts stay. The bytes are the caller's
  // to collect. Its submissions read as WITHDRAWN once its row says so.
  absl::Status ReleaseWithdrawn(absl::string_view contributor);
  // Digests of all files that submissions of the contributor ever held whole, those it shares with
  // the base too, sorted, each once. What was declared and never sent is none of them.
  absl::StatusOr<std::vector<Digest>> ListDigests(absl::string_view contributor);
  // The submission, other than `except`, of this cooperative that has exactly these weights.
  absl::StatusOr<std::optional<std::string>> FindByWeights(absl::string_view cooperative,
                                                           const Digest& weights_digest,
                                                           absl::string_view except);

  // Opens the upload of a declared file, or returns the open one with `expire_time` moved on.
  // INVALID_ARGUMENT FILE_NOT_IN_MANIFEST; RESOURCE_EXHAUSTED TOO_MANY_UPLOADS.
  absl::StatusOr<UploadRecord> StartUpload(absl::string_view submission, absl::string_view path,
                                           absl::Time now);
  absl::StatusOr<UploadRecord> GetUpload(absl::string_view upload);
  // The bytes are in the blob store. Idempotent. UPLOAD_NOT_FOUND when the file is no longer
  // declared, or the submission no longer UPLOADING.
  absl::Status CompleteUpload(const UploadRecord& upload);
  // Removes and returns uploads whose time is over.
  absl::StatusOr<std::vector<UploadRecord>> ExpireUploads(absl::Time now);

 private:
  // The one row of `name` in one of `from` becomes `to`; PHASE_MISMATCH otherwise.
  absl::Status Move(absl::string_view name, absl::string_view from, absl::string_view to);
  absl::Status ReadDetails(SubmissionRecord& record);
  // Lets go of what a rejected submission's contributor need not have kept.
  absl::Status ReleaseRejected(absl::string_view submission);
  absl::Status AddCheck(absl::string_view name, int64_t position, const CheckResult& check);
  // After the checks that are there, with the verdict's new receipt.
  absl::Status AppendVerdict(absl::string_view name, const CheckResult& check,
                             absl::string_view receipt_envelope, absl::Time now);
  // The contributor's earlier admitted submission makes room for `name`, which is not yet admitted.
  absl::Status Supersede(absl::string_view name);
  absl::StatusOr<std::vector<AdmittedSubmission>> ListInStates(absl::string_view cooperative,
                                                               bool superseded);

  Database& database_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SUBMISSION_SUBMISSION_STORE_H_

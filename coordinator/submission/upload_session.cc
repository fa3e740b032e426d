#include "coordinator/submission/upload_session.h"

#include <span>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace kalavai::coordinator {
namespace {

absl::Status SizeMismatch(const UploadRecord& upload, const std::string& what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "SIZE_MISMATCH",
                   {.what = absl::StrCat(upload.path, ": ", what),
                    .fix = "build the submission again with 'kalavai submit'",
                    .metadata = {{"declared", absl::StrCat(upload.size_bytes)}}});
}

absl::Status OffsetMismatch(const UploadRecord& upload, int64_t offset, int64_t expected) {
  return MakeError(absl::StatusCode::kOutOfRange, "OFFSET_MISMATCH",
                   {.what = absl::StrCat(upload.path, ": write_offset ", offset, "; must be ",
                                         expected, ", where the persisted bytes end"),
                    .fix = "ask GetUpload for the size and go on from there",
                    .metadata = {{"expected_offset", absl::StrCat(expected)},
                                 {"actual_offset", absl::StrCat(offset)}}});
}

// Between the rename and the row nobody names the blob, and somebody else let go of the same bytes.
absl::Status GoneAgain(const UploadRecord& upload) {
  return MakeError(absl::StatusCode::kUnavailable, "UPLOAD_COLLECTED",
                   {.what = absl::StrCat(upload.path, ": arrived whole and is gone; must be there"),
                    .why = "another member's equal file was deleted in the same moment",
                    .fix = "send it again",
                    .metadata = {{"upload", upload.name}}});
}

absl::StatusOr<StagedBlob> OpenOrCreate(const BlobStore& blobs, const std::string& staging_id) {
  absl::StatusOr<StagedBlob> staged = blobs.OpenStaging(staging_id);
  if (staged.status().code() != absl::StatusCode::kNotFound) return staged;
  return blobs.CreateStaging(staging_id);
}

}  // namespace

UploadSession::UploadSession(UploadSessions& sessions, UploadRecord record, StagedBlob staged)
    : sessions_(sessions), record_(std::move(record)), staged_(std::move(staged)) {}

UploadSession::~UploadSession() {
  // A failed sync loses nothing that was promised: the next opening reads the size from the disk.
  if (!finished_) Sync().IgnoreError();
  sessions_.Close(record_.name);
}

absl::Status UploadSession::Append(int64_t offset, absl::string_view data,
                                   absl::string_view sha256) {
  if (offset != size()) return OffsetMismatch(record_, offset, size());
  const int64_t bytes = static_cast<int64_t>(data.size());
  if (bytes > limits::kUploadChunkBytes) {
    return SizeMismatch(record_, absl::StrCat("a chunk of ", bytes, " bytes; must be at most ",
                                              limits::kUploadChunkBytes));
  }
  if (bytes > record_.size_bytes - offset) {
    return SizeMismatch(record_, absl::StrCat("bytes up to ", offset + bytes, "; must end at ",
                                              record_.size_bytes, " as declared"));
  }
  const Digest actual = Sha256Of(data);
  if (actual.bytes() != sha256) {
    return MakeError(absl::StatusCode::kDataLoss, "DIGEST_MISMATCH",
                     {.what = absl::StrCat(record_.path, ": chunk at ", offset, " has digest ",
                                           actual.Hex(), "; must be what the message says"),
                      .why = "the chunk changed on its way",
                      .fix = "ask GetUpload for the size and go on from there",
                      .metadata = {{"offset", absl::StrCat(offset)}, {"actual", actual.Hex()}}});
  }
  RETURN_IF_ERROR(staged_.Append(offset, data));
  sessions_.bytes_received_ += static_cast<int64_t>(data.size());
  return absl::OkStatus();
}

bool UploadSession::NeedsSync() const {
  return staged_.size() - staged_.synced_size() >= limits::kUploadSyncBytes;
}

absl::Status UploadSession::Sync() {
  RETURN_IF_ERROR(staged_.Sync());
  sessions_.SetPersisted(record_.name, staged_.synced_size());
  return absl::OkStatus();
}

absl::Status UploadSession::Finish() {
  if (size() != record_.size_bytes) {
    return SizeMismatch(record_, absl::StrCat("finished at ", size(), " bytes; must be ",
                                              record_.size_bytes, " as declared"));
  }
  const absl::Status status = staged_.Commit(record_.digest);
  if (!status.ok()) {
    finished_ = status.code() == absl::StatusCode::kDataLoss;  // its staging file is gone
    return Annotate(status, record_.path);
  }
  finished_ = true;
  return sessions_.Complete(record_);
}

absl::StatusOr<std::unique_ptr<UploadSession>> UploadSessions::Open(absl::string_view upload) {
  ASSIGN_OR_RETURN(UploadRecord record, store_.GetUpload(upload));
  {
    absl::MutexLock lock(&mutex_);
    if (!open_.emplace(record.name, 0).second) {
      return MakeError(absl::StatusCode::kAborted, "UPLOAD_BUSY",
                       {.what = absl::StrCat(record.path,
                                             ": another stream writes this upload; "
                                             "must be the only one"),
                        .fix = "stop the other writer, then repeat",
                        .metadata = {{"upload", record.name}}});
    }
  }
  absl::Cleanup release = [this, &record] { Close(record.name); };
  ASSIGN_OR_RETURN(StagedBlob staged, OpenOrCreate(blobs_, record.staging_id));
  // Ended since it was read, and its staging file swept: what was made just now is nobody's.
  if (const absl::Status still = store_.GetUpload(upload).status(); !still.ok()) {
    if (still.code() == absl::StatusCode::kNotFound) RETURN_IF_ERROR(staged.Discard());
    return still;
  }
  // What a killed server had written is made durable before anybody builds on it.
  RETURN_IF_ERROR(staged.Sync());
  SetPersisted(record.name, staged.size());
  std::move(release).Cancel();
  return std::unique_ptr<UploadSession>(
      new UploadSession(*this, std::move(record), std::move(staged)));
}

absl::StatusOr<int64_t> UploadSessions::PersistedSize(const UploadRecord& upload) {
  if (upload.complete) return upload.size_bytes;
  {
    absl::MutexLock lock(&mutex_);
    if (const auto found = open_.find(upload.name); found != open_.end()) return found->second;
  }
  absl::StatusOr<StagedBlob> staged = blobs_.OpenStaging(upload.staging_id);
  if (staged.status().code() == absl::StatusCode::kNotFound) return 0;
  if (!staged.ok()) return staged.status();
  RETURN_IF_ERROR(staged->Sync());
  return staged->synced_size();
}

absl::Status UploadSessions::Complete(const UploadRecord& upload) {
  // The blob is on disk: if this row is lost, the file is sent again and becomes the same blob.
  const absl::Status status = database_.Transact([&]() -> absl::Status {
    if (!blobs_.Contains(upload.digest)) return GoneAgain(upload);
    return store_.CompleteUpload(upload);
  });
  // Declared no longer: nobody will name these bytes.
  if (status.code() == absl::StatusCode::kNotFound) {
    RETURN_IF_ERROR(collector_.Collect(std::span(&upload.digest, 1)).status());
  }
  return status;
}

absl::Status UploadSessions::Discard(const std::vector<UploadRecord>& uploads) {
  for (const UploadRecord& upload : uploads) {
    absl::StatusOr<StagedBlob> staged = blobs_.OpenStaging(upload.staging_id);
    if (staged.status().code() == absl::StatusCode::kNotFound) continue;
    if (!staged.ok()) return staged.status();
    RETURN_IF_ERROR(staged->Discard());
  }
  return absl::OkStatus();
}

absl::Status UploadSessions::SweepExpired() {
  std::vector<UploadRecord> expired;
  RETURN_IF_ERROR(database_.Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(expired, store_.ExpireUploads(clock_.Now()));
    return absl::OkStatus();
  }));
  return Discard(expired);
}

void UploadSessions::SetPersisted(const std::string& upload, int64_t size) {
  absl::MutexLock lock(&mutex_);
  open_[upload] = size;
}

void UploadSessions::Close(const std::string& upload) {
  absl::MutexLock lock(&mutex_);
  open_.erase(upload);
}

}  // namespace kalavai::coordinator

// The transfer of one file: at most one writer, chunk digests, durable progress, and the same place
// to go on from after a broken stream, a killed server or a lost machine.
//
//   ASSIGN_OR_RETURN(auto session, sessions.Open("cooperatives/c/submissions/s/uploads/ab…"));
//   RETURN_IF_ERROR(session->Append(offset, data, sha256));   // offset == session->size()
//   if (session->NeedsSync()) RETURN_IF_ERROR(session->Sync());
//   RETURN_IF_ERROR(session->Finish());                       // whole-file digest; then complete
//
// The bytes wait in the blob store's staging folder and become a blob by one rename. What a client
// is told is persisted has been through fdatasync (at least every limits::kUploadSyncBytes).
//
// Errors: NOT_FOUND UPLOAD_NOT_FOUND; ABORTED UPLOAD_BUSY (a second writer); OUT_OF_RANGE
// OFFSET_MISMATCH (metadata "expected_offset"); DATA_LOSS DIGEST_MISMATCH (a chunk: nothing was
// written, go on from the persisted size; the whole file: the upload starts again at 0);
// INVALID_ARGUMENT SIZE_MISMATCH (chunk or file larger than allowed or declared, or finished
// early); RESOURCE_EXHAUSTED DISK_FULL; UNAVAILABLE UPLOAD_COLLECTED (an equal file of another
// member was deleted as this one was finished: it starts again at 0). UploadSessions: any thread.
// UploadSession: one thread at a time.
#ifndef KALAVAI_COORDINATOR_SUBMISSION_UPLOAD_SESSION_H_
#define KALAVAI_COORDINATOR_SUBMISSION_UPLOAD_SESSION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

#include "common/base/clock.h"
#include "common/storage/blob_store.h"
#include "common/storage/sqlite.h"
#include "coordinator/blob_collector.h"
#include "coordinator/submission/submission_store.h"

namespace kalavai::coordinator {

class UploadSessions;

class UploadSession {
 public:
  ~UploadSession();  // syncs what was written and lets the next writer in
  UploadSession(const UploadSession&) = delete;
  UploadSession& operator=(const UploadSession&) = delete;

  const UploadRecord& record() const { return record_; }
  int64_t size() const { return staged_.size(); }

  // `sha256`: 32 raw bytes of `data`'s digest.
  absl::Status Append(int64_t offset, absl::string_view data, absl::string_view sha256);
  // Whether limits::kUploadSyncBytes have come since the last sync. Sync may take a second.
  bool NeedsSync() const;
  absl::Status Sync();
  // Reads the whole file once: call it on a worker. The session is over afterwards.
  absl::Status Finish();

 private:
  friend class UploadSessions;
  UploadSession(UploadSessions& sessions, UploadRecord record, StagedBlob staged);

  UploadSessions& sessions_;
  const UploadRecord record_;
  StagedBlob staged_;
  bool finished_ = false;
};

class UploadSessions {
 public:
  UploadSessions(Database& database, SubmissionStore& store, const BlobStore& blobs,
                 const Clock& clock)
      : database_(database), store_(store), blobs_(blobs), clock_(clock) {}

  // The only writer until the session is destroyed. Sessions must not outlive this object.
  absl::StatusOr<std::unique_ptr<UploadSession>> Open(absl::string_view upload);
  // Bytes that survive power loss: where a client goes on. The declared size when complete.
  absl::StatusOr<int64_t> PersistedSize(const UploadRecord& upload);
  // Removes the staging files of uploads that are over or were never finished in time.
  absl::Status Discard(const std::vector<UploadRecord>& uploads);
  absl::Status SweepExpired();
  // The blob of this upload is in the store: its row says so, or, when it is gone again or no
  // longer declared, UPLOAD_COLLECTED or UPLOAD_NOT_FOUND. The last step of UploadSession::Finish.
  absl::Status Complete(const UploadRecord& upload);
  // Bytes taken since the process began, those of uploads that were given up too.
  int64_t bytes_received() const { return bytes_received_; }

 private:
  friend class UploadSession;
  void SetPersisted(const std::string& upload, int64_t size);
  void Close(const std::string& upload);

  Database& database_;
  SubmissionStore& store_;
  const BlobStore& blobs_;
  const Clock& clock_;
  std::atomic<int64_t> bytes_received_ = 0;
  const BlobCollector collector_{database_, blobs_};
  absl::Mutex mutex_;
  // Uploads with a writer, and how much of each has been synced.
  absl::flat_hash_map<std::string, int64_t> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SUBMISSION_UPLOAD_SESSION_H_

// Takes a submission from CHECKING to its verdict: gathers what the checks need, runs them, and
// writes verdict, log leaf and signed receipt in one transaction.
//
//   worker.Start(name);            // after FinalizeSubmission
//   worker.StartUnfinished();      // once, when the server starts: a restart interrupts no check
//
// The checks run on a WorkerQueue; a coordinator that stops in between checks again at its next
// start. A failure of our own (disk, database) leaves CHECKING and is logged, not held against the
// member. Thread-safe; outlives the tasks it added to the queue. The receipt: verdict_receipt.h.
#ifndef KALAVAI_COORDINATOR_SUBMISSION_ADMISSION_WORKER_H_
#define KALAVAI_COORDINATOR_SUBMISSION_ADMISSION_WORKER_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/base/clock.h"
#include "common/base/worker_queue.h"
#include "common/crypto/signing_key.h"
#include "common/storage/blob_store.h"
#include "common/storage/sqlite.h"
#include "coordinator/audit.h"
#include "coordinator/blob_collector.h"
#include "coordinator/checkpoint/checkpoint_store.h"
#include "coordinator/launch/cooperative_store.h"
#include "coordinator/submission/admission.h"
#include "coordinator/submission/submission_store.h"
#include "coordinator/submission/verdict_receipt.h"
#include "coordinator/transparency/signed_log.h"

namespace kalavai::coordinator {

class AdmissionWorker {
 public:
  // Everything is borrowed and outlives the worker.
  struct Parts {
    Database& database;
    SubmissionStore& submissions;
    CooperativeStore& cooperatives;
    CheckpointStore& checkpoints;
    const BlobStore& blobs;
    Audit& audit;
    const SignedLog& log;
    const SigningKey& signing_key;  // the coordinator's
    WorkerQueue& queue;
    const Clock& clock;
  };
  explicit AdmissionWorker(const Parts& parts) : parts_(parts) {}

  // Called after every verdict, on the thread that made it; set before the first Start. `reason`:
  // of the check that did not pass, or "".
  using Decided = std::function<void(const std::string& submission, SubmissionState state,
                                     absl::string_view reason)>;
  void OnDecided(Decided call) { on_decided_ = std::move(call); }

  // Queues the checks. QUEUE_FULL and SHUTTING_DOWN of the queue.
  absl::Status Start(const std::string& submission);
  absl::Status StartUnfinished();
  // Checks now, on this thread. The submission is CHECKING.
  absl::Status Check(const std::string& submission);

  // An administrator's decision about a quarantined submission, in a transaction of its own:
  // ADMITTED or REJECTED. `actor` goes into the log. PHASE_MISMATCH, SUBMISSION_NOT_FOUND,
  // FIELD_INVALID without a comment.
  absl::StatusOr<SubmissionState> DecideQuarantined(const std::string& submission, bool admit,
                                                    absl::string_view comment,
                                                    absl::string_view actor);

  // An admitted submission is quarantined by a check that failed later: row, leaf with the fields
  // of `evidence` and receipt, within the caller's transaction. PHASE_MISMATCH when it is not
  // ADMITTED (any more), SUBMISSION_NOT_FOUND.
  absl::Status Quarantine(const std::string& submission, const CheckResult& check,
                          const nlohmann::json& evidence) {
    return QuarantineAdmitted(Signer(), parts_.submissions, parts_.audit, submission, check,
                              evidence);
  }

 private:
  // Collects the bytes that rejections let go of. A failure is logged: the verdict stands, and the
  // next start collects.
  void CollectRejected() const;
  absl::StatusOr<AdmissionCandidate> Gather(const SubmissionRecord& record);
  ReceiptSigner Signer() const {
    return {.log = parts_.log, .key = parts_.signing_key, .clock = parts_.clock};
  }

  const Parts parts_;
  const BlobCollector collector_{parts_.database, parts_.blobs};
  Decided on_decided_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SUBMISSION_ADMISSION_WORKER_H_

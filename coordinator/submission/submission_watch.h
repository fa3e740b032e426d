// WatchSubmission: who waits for news of a submission, and the stream that brings them.
//
//   watches.Notify(name);                           // after every change of state
//   return watches.NewWatch(context, read);         // the reactor; deletes itself
//
// Each watcher gets the submission as it is, then again after every change (changes that come while
// a message is on its way are told as one), and the end of the stream once the state is ADMITTED,
// QUARANTINED, REJECTED or WITHDRAWN. Thread-safe.
#ifndef KALAVAI_COORDINATOR_SUBMISSION_SUBMISSION_WATCH_H_
#define KALAVAI_COORDINATOR_SUBMISSION_SUBMISSION_WATCH_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/server_callback.h"

#include "coordinator/caller_identity.h"
#include "kalavai/v1/submission.pb.h"

namespace kalavai::coordinator {

class SubmissionWatches {
 public:
  // `read` gives the submission as its caller may see it, or why not.
  grpc::ServerWriteReactor<v1::Submission>* NewWatch(
      const std::string& submission, const absl::StatusOr<Caller>& caller,
      std::function<absl::StatusOr<v1::Submission>()> read);

  void Notify(const std::string& submission);

 private:
  class Watch;

  absl::Mutex mutex_;
  std::multimap<std::string, std::weak_ptr<Watch>> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SUBMISSION_SUBMISSION_WATCH_H_

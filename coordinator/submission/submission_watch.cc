#include "coordinator/submission/submission_watch.h"

#include <utility>
#include <vector>

#include "coordinator/unary_handler.h"

namespace kalavai::coordinator {
namespace {

bool IsFinal(v1::Submission::State state) {
  return state == v1::Submission::ADMITTED || state == v1::Submission::QUARANTINED ||
         state == v1::Submission::REJECTED || state == v1::Submission::WITHDRAWN;
}

}  // namespace

// Owned by itself until OnDone; a notifier that holds it meanwhile only finds it over.
class SubmissionWatches::Watch final : public grpc::ServerWriteReactor<v1::Submission> {
 public:
  Watch(const absl::StatusOr<Caller>& caller, std::function<absl::StatusOr<v1::Submission>()> read)
      : read_(std::move(read)), log_("SubmissionService/WatchSubmission") {
    if (caller.ok()) log_.SetCaller(*caller);
  }

  void Keep(std::shared_ptr<Watch> self) { self_ = std::move(self); }

  // Something may have changed.
  void Wake() {
    absl::MutexLock lock(&mutex_);
    if (writing_) {
      changed_ = true;
    } else {
      Send();
    }
  }

  void End(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    EndLocked(status);
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok) {
      EndLocked(absl::CancelledError("the watcher went away"));
    } else if (IsFinal(message_.state())) {
      EndLocked(absl::OkStatus());
    } else if (changed_) {
      Send();
    }
  }

  void OnCancel() override { End(absl::CancelledError("the watcher went away")); }

  void OnDone() override { const std::shared_ptr<Watch> last = std::move(self_); }

 private:
  void Send() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (over_) return;
    changed_ = false;
    absl::StatusOr<v1::Submission> submission = read_();
    if (!submission.ok()) {
      EndLocked(submission.status());
      return;
    }
    message_ = std::move(submission).value();
    writing_ = true;
    StartWrite(&message_);
  }

  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (over_) return;
    over_ = true;
    Finish(log_.End(status));
  }

  const std::function<absl::StatusOr<v1::Submission>()> read_;
  RequestLog log_;
  std::shared_ptr<Watch> self_;
  absl::Mutex mutex_;
  v1::Submission message_;  // while writing_, gRPC's
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
};

grpc::ServerWriteReactor<v1::Submission>* SubmissionWatches::NewWatch(
    const std::string& submission, const absl::StatusOr<Caller>& caller,
    std::function<absl::StatusOr<v1::Submission>()> read) {
  const auto watch = std::make_shared<Watch>(caller, std::move(read));
  watch->Keep(watch);
  if (!caller.ok()) {
    watch->End(caller.status());
    return watch.get();
  }
  {
    // Registered before the first read, so that no change falls between the two.
    absl::MutexLock lock(&mutex_);
    for (auto entry = watches_.begin(); entry != watches_.end();) {
      entry = entry->second.expired() ? watches_.erase(entry) : std::next(entry);
    }
    watches_.emplace(submission, watch);
  }
  watch->Wake();
  return watch.get();
}

void SubmissionWatches::Notify(const std::string& submission) {
  std::vector<std::shared_ptr<Watch>> waiting;
  {
    absl::MutexLock lock(&mutex_);
    const auto [first, last] = watches_.equal_range(submission);
    for (auto entry = first; entry != last; ++entry) {
      if (std::shared_ptr<Watch> watch = entry->second.lock()) waiting.push_back(std::move(watch));
    }
  }
  for (const std::shared_ptr<Watch>& watch : waiting) watch->Wake();
}

}  // namespace kalavai::coordinator

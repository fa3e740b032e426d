#include "common/base/fork_join.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

#include "common/base/check.h"

namespace kalavai {
namespace {

// One Run. A worker that comes too late finds no index left and touches nothing of the caller's.
class Round {
 public:
  Round(size_t count, const ForkJoin::Task& task) : count_(count), task_(&task) {}

  void Work(size_t worker) {
    for (size_t index = next_++; index < count_; index = next_++) {
      try {
        (*task_)(index, worker);
      } catch (...) {
        const absl::MutexLock lock(&mutex_);
        thrown_ = std::current_exception();
      }
      if (++done_ == count_) all_done_.Notify();
    }
  }

  void Join() {
    all_done_.WaitForNotification();
    const absl::MutexLock lock(&mutex_);
    if (thrown_ != nullptr) std::rethrow_exception(thrown_);
  }

 private:
  const size_t count_;
  const ForkJoin::Task* const task_;  // read only while an index is held: the caller still waits
  std::atomic<size_t> next_ = 0;
  std::atomic<size_t> done_ = 0;
  absl::Notification all_done_;
  absl::Mutex mutex_;
  std::exception_ptr thrown_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace

ForkJoin::ForkJoin(int threads)
    : threads_(static_cast<size_t>(std::max(threads, 1))),
      queue_(static_cast<int>(threads_) - 1, static_cast<int64_t>(threads_)) {
  KALAVAI_CHECK(threads >= 1, "the caller is one of the threads");
}

void ForkJoin::Run(size_t count, const Task& task) {
  if (count == 0) return;
  const size_t helpers = std::min(threads_, count) - 1;
  if (helpers == 0) {
    for (size_t index = 0; index < count; ++index) task(index, 0);
    return;
  }
  const auto round = std::make_shared<Round>(count, task);
  for (size_t worker = 1; worker <= helpers; ++worker) {
    // Refused when the workers are still busy with what came before: then the caller does it.
    if (!queue_.Add([round, worker] { round->Work(worker); }).ok()) break;
  }
  round->Work(0);
  round->Join();
}

}  // namespace kalavai

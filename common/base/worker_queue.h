// A bounded queue of tasks and the threads that run them: the only place that starts threads,
// beside the generation engine and the server.
#ifndef KALAVAI_COMMON_BASE_WORKER_QUEUE_H_
#define KALAVAI_COMMON_BASE_WORKER_QUEUE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace kalavai {

// Thread-safe. Tasks start in the order they were added.
class WorkerQueue {
 public:
  using Task = std::function<void()>;

  WorkerQueue(int thread_count, int64_t queued_max);
  ~WorkerQueue();  // Stop()
  WorkerQueue(const WorkerQueue&) = delete;
  WorkerQueue& operator=(const WorkerQueue&) = delete;

  // RESOURCE_EXHAUSTED, reason QUEUE_FULL, when `queued_max` tasks wait; UNAVAILABLE, reason
  // SHUTTING_DOWN, after Stop().
  absl::Status Add(Task task);

  // Drops the tasks that wait, waits for those that run. Idempotent.
  void Stop();

 private:
  void Run();

  const int64_t queued_max_;
  absl::Mutex mutex_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // constant after construction, joined by Stop()
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_WORKER_QUEUE_H_

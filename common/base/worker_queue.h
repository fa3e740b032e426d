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

// Thread-safe. Tasks start in the order they were added. A task that throws is logged as an error
// and counted, and its thread goes on: our own code throws nothing, a library may.
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

  // Drops the tasks that wait, waits for those that run. What must survive a stop is a row in the
  // database that start-up finds again (admission, fusions), never a waiting task. Idempotent, from
  // any thread but the queue's own: a task that stopped its queue would wait for itself.
  void Stop();

  // For metrics: tasks that wait, those refused with QUEUE_FULL so far, those that threw so far.
  struct Counts {
    int64_t waiting = 0;
    int64_t refused = 0;
    int64_t failed = 0;
  };
  Counts counts() const;

 private:
  void Run();
  void RunTask(const Task& task);

  const int64_t queued_max_;
  mutable absl::Mutex mutex_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t failed_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Mutex join_mutex_;            // two callers of Stop() both wait for the threads
  std::vector<std::thread> threads_;  // constant after construction, joined under join_mutex_
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_WORKER_QUEUE_H_

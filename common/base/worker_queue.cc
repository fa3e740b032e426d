#include "common/base/worker_queue.h"

#include <exception>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/logging.h"

namespace kalavai {

WorkerQueue::WorkerQueue(int thread_count, int64_t queued_max) : queued_max_(queued_max) {
  for (int i = 0; i < thread_count; ++i) threads_.emplace_back([this] { Run(); });
}

WorkerQueue::~WorkerQueue() { Stop(); }

absl::Status WorkerQueue::Add(Task task) {
  absl::MutexLock lock(&mutex_);
  if (stopping_) {
    return MakeError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                     {.what = "the server is shutting down",
                      .why = "",
                      .fix = "try again in a minute",
                      .metadata = {}});
  }
  if (static_cast<int64_t>(tasks_.size()) >= queued_max_) {
    ++refused_;
    return MakeError(
        absl::StatusCode::kResourceExhausted, "QUEUE_FULL",
        {.what = absl::StrCat(tasks_.size(), " tasks already wait; at most ", queued_max_, " may"),
         .why = "",
         .fix = "try again in a minute",
         .metadata = {}});
  }
  tasks_.push_back(std::move(task));
  return absl::OkStatus();
}

void WorkerQueue::Stop() {
  std::deque<Task> dropped;  // destroyed without the lock: a task may own what asks this queue
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    dropped.swap(tasks_);
  }
  const absl::MutexLock lock(&join_mutex_);
  for (std::thread& thread : threads_) {
    KALAVAI_CHECK(thread.get_id() != std::this_thread::get_id(), "a task must not stop its queue");
    if (thread.joinable()) thread.join();
  }
}

WorkerQueue::Counts WorkerQueue::counts() const {
  const absl::MutexLock lock(&mutex_);
  return {.waiting = static_cast<int64_t>(tasks_.size()), .refused = refused_, .failed = failed_};
}

void WorkerQueue::RunTask(const Task& task) {
  std::string thrown;
  try {
    task();
    return;
  } catch (const std::exception& exception) {
    thrown = exception.what();
  } catch (...) {
    thrown = "not a std::exception";
  }
  LogError("Task threw", {{"exception", thrown}});
  const absl::MutexLock lock(&mutex_);
  ++failed_;
}

void WorkerQueue::Run() {
  while (true) {
    Task task;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](WorkerQueue* queue) ABSL_NO_THREAD_SAFETY_ANALYSIS {
            return queue->stopping_ || !queue->tasks_.empty();
          },
          this));
      if (stopping_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    RunTask(task);
  }
}

}  // namespace kalavai

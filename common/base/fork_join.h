// A loop whose turns run on several threads at once: fork, work, join.
//
//   ForkJoin workers(threads);
//   std::vector<double> loss(texts.size());
//   workers.Run(texts.size(), [&](size_t index, size_t worker) {
//     loss[index] = Judge(texts[index], scratch[worker]);
//   });
//
// Who runs which index is left to chance, so a turn must depend on its index alone and write only
// what is its own; what is then put together in order of the index has the same bits for every
// number of threads. The caller is one of the threads: with one there are no others, and a Run
// never waits for a thread that has not begun. The others have the floating-point modes that the
// constructing thread had (rounding, denormals).
#ifndef KALAVAI_COMMON_BASE_FORK_JOIN_H_
#define KALAVAI_COMMON_BASE_FORK_JOIN_H_

#include <cstddef>
#include <functional>

#include "common/base/worker_queue.h"

namespace kalavai {

// Thread-safe: Runs from several threads share the workers.
class ForkJoin {
 public:
  // `worker` is in [0, threads()), and different for tasks of a Run that run at the same time.
  using Task = std::function<void(size_t index, size_t worker)>;

  explicit ForkJoin(int threads);  // >= 1
  ForkJoin(const ForkJoin&) = delete;
  ForkJoin& operator=(const ForkJoin&) = delete;

  size_t threads() const { return threads_; }

  // Calls task(index, worker) once for every index in [0, count) and returns when all have
  // returned. If some threw (our own code throws nothing, a library may), one of their exceptions
  // is thrown on; the others have been called all the same.
  void Run(size_t count, const Task& task);

 private:
  size_t threads_;
  WorkerQueue queue_;  // of all threads but the caller
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_FORK_JOIN_H_

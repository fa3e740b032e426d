#include "common/crypto/file_digests.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <system_error>

#include "absl/status/status.h"
#include "absl/synchronization/blocking_counter.h"
#include <sched.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/worker_queue.h"

namespace kalavai {
namespace {

// Indices into `paths`, by size, descending. An unreadable size counts as 0: hashing will say why.
std::vector<size_t> LargestFirst(std::span<const std::string> paths) {
  std::vector<uintmax_t> sizes;
  for (const std::string& path : paths) {
    std::error_code error;
    const uintmax_t size = std::filesystem::file_size(path, error);
    sizes.push_back(error ? 0 : size);
  }
  std::vector<size_t> order(paths.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sizes[a] > sizes[b]; });
  return order;
}

}  // namespace

int HashThreads() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  const int count = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
  return std::clamp(count, 1, static_cast<int>(limits::kHashThreadsMax));
}

absl::StatusOr<std::vector<Digest>> Sha256OfFiles(std::span<const std::string> paths, int threads) {
  KALAVAI_CHECK(threads >= 1, "at least one thread");
  const std::vector<size_t> order = LargestFirst(paths);
  std::vector<Digest> digests(paths.size());
  std::vector<absl::Status> errors(paths.size());
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto work = [&] {
    for (size_t i = next++; i < order.size() && !failed; i = next++) {
      const size_t index = order[i];  // each is one thread's alone
      const absl::StatusOr<Digest> digest = Sha256OfFile(paths[index]);
      if (digest.ok()) {
        digests[index] = *digest;
      } else {
        errors[index] = digest.status();
        failed = true;
      }
    }
  };
  const int helpers = std::min(threads, static_cast<int>(std::max<size_t>(paths.size(), 1))) - 1;
  if (helpers > 0) {
    WorkerQueue queue(helpers, helpers);
    absl::BlockingCounter running(helpers);
    for (int i = 0; i < helpers; ++i) {
      const absl::Status added = queue.Add([&] {
        work();
        running.DecrementCount();
      });
      KALAVAI_CHECK(added.ok(), "the queue holds as many tasks as threads");
    }
    work();  // this thread is one of them
    running.Wait();
  } else {
    work();
  }
  for (const absl::Status& error : errors) {
    if (!error.ok()) return error;
  }
  return digests;
}

}  // namespace kalavai

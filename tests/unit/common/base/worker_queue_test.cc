// Goal: tasks run in order, the queue is bounded, stopping drops what waits and finishes what runs.
// Method: latches instead of sleeps.
#include "common/base/worker_queue.h"

#include <atomic>
#include <vector>

#include "absl/synchronization/notification.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Tasks run in the order they were added", "[base]") {
  std::vector<int> order;
  absl::Notification done;
  WorkerQueue queue(1, 100);
  for (int i = 0; i < 10; ++i) {
    REQUIRE_OK(queue.Add([&order, i] { order.push_back(i); }));
  }
  REQUIRE_OK(queue.Add([&done] { done.Notify(); }));
  done.WaitForNotification();
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("A full queue refuses and a stopped one too", "[base]") {
  absl::Notification started, release;
  std::atomic<int> ran = 0;
  WorkerQueue queue(1, 1);
  REQUIRE_OK(queue.Add([&] {
    started.Notify();
    release.WaitForNotification();
    ++ran;
  }));
  started.WaitForNotification();
  REQUIRE_OK(queue.Add([&ran] { ++ran; }));
  REQUIRE_STATUS(queue.Add([] {}), absl::StatusCode::kResourceExhausted, "QUEUE_FULL");
  release.Notify();
  queue.Stop();
  CHECK(ran >= 1);
  REQUIRE_STATUS(queue.Add([] {}), absl::StatusCode::kUnavailable, "SHUTTING_DOWN");
}

}  // namespace
}  // namespace kalavai

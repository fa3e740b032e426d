// Goal: tasks run in order, the queue is bounded, stopping drops what waits and finishes what runs.
// Method: latches instead of sleeps.
#include "common/base/worker_queue.h"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
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

TEST_CASE("Stopping drops what waits, and says how much was refused", "[base][concurrency]") {
  absl::Notification started, release;
  std::atomic<int> ran = 0;
  auto owned = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = owned;
  WorkerQueue queue(1, 2);
  REQUIRE_OK(queue.Add([&] {
    started.Notify();
    release.WaitForNotification();
    ++ran;
  }));
  started.WaitForNotification();
  // A task's end may ask the queue it waited in: no lock is held then.
  struct Asks {
    WorkerQueue* queue;
    ~Asks() { (void)queue->counts(); }
  };
  REQUIRE_OK(queue.Add([&ran, asks = std::make_shared<Asks>(Asks{&queue})] { ++ran; }));
  REQUIRE_OK(queue.Add([&ran, owned = std::move(owned)] { ++ran; }));
  CHECK_FALSE(queue.Add([] {}).ok());
  CHECK(queue.counts().waiting == 2);
  CHECK(queue.counts().refused == 1);
  std::thread stopper([&queue] { queue.Stop(); });
  std::thread second([&queue] { queue.Stop(); });
  while (queue.counts().waiting > 0) std::this_thread::yield();
  release.Notify();
  stopper.join();
  second.join();
  CHECK(ran == 1);
  CHECK(watched.expired());
}

TEST_CASE("A task that throws does not end its thread", "[base]") {
  absl::Notification done;
  WorkerQueue queue(1, 3);
  REQUIRE_OK(queue.Add([] { throw std::runtime_error("from a library"); }));
  REQUIRE_OK(queue.Add([] { throw 3; }));
  REQUIRE_OK(queue.Add([&done] { done.Notify(); }));
  done.WaitForNotification();
  CHECK(queue.counts().failed == 2);
}

TEST_CASE("Many callers lose no task", "[base][concurrency]") {
  constexpr int kCallers = 4;
  constexpr int kTasks = 500;
  std::atomic<int> accepted = 0, ran = 0;
  {
    WorkerQueue queue(3, 50);
    WorkerQueue callers(kCallers, kCallers);
    absl::BlockingCounter finished(kCallers);
    for (int c = 0; c < kCallers; ++c) {
      REQUIRE_OK(callers.Add([&] {
        for (int i = 0; i < kTasks; ++i) {
          while (!queue.Add([&ran] { ++ran; }).ok()) std::this_thread::yield();
          ++accepted;
        }
        finished.DecrementCount();
      }));
    }
    finished.Wait();
    while (queue.counts().waiting > 0) std::this_thread::yield();
  }
  CHECK(accepted == kCallers * kTasks);
  CHECK(ran == accepted);
}

}  // namespace
}  // namespace kalavai

// Goal: every index is done once, by workers that never share a number, for any number of threads.
// Method: counts by index; a latch that only opens when two threads are inside at once.
#include "common/base/fork_join.h"

#include <atomic>
#include <cfenv>
#include <stdexcept>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Every index is done once, however many threads", "[base][concurrency]") {
  for (const int threads : {1, 2, 3, 7}) {
    ForkJoin workers(threads);
    CHECK(workers.threads() == static_cast<size_t>(threads));
    std::vector<std::atomic<int>> inside(workers.threads());
    for (const size_t count : {0u, 1u, 2u, 5u, 1000u}) {
      std::vector<int> done(count, 0);
      std::atomic<bool> shared = false;
      workers.Run(count, [&](size_t index, size_t worker) {
        if (worker >= inside.size() || ++inside[worker] != 1) shared = true;
        ++done[index];
        --inside[worker];
      });
      CHECK(done == std::vector<int>(count, 1));
      CHECK_FALSE(shared);
    }
  }
}

TEST_CASE("Tasks run at the same time", "[base][concurrency]") {
  ForkJoin workers(2);
  absl::Notification second;
  std::atomic<bool> met = false;
  workers.Run(2, [&](size_t index, size_t) {
    if (index == 0) {
      second.WaitForNotification();
      met = true;
    } else {
      second.Notify();
    }
  });
  CHECK(met);
}

TEST_CASE("One thread is the caller's own, in order", "[base]") {
  ForkJoin workers(1);
  std::vector<size_t> order;
  workers.Run(4, [&](size_t index, size_t worker) {
    CHECK(worker == 0);
    order.push_back(index);
  });
  CHECK(order == std::vector<size_t>{0, 1, 2, 3});
}

TEST_CASE("What a task throws reaches the caller after the others are done",
          "[base][concurrency]") {
  for (const int threads : {2, 4}) {
    ForkJoin workers(threads);
    std::atomic<int> done = 0;
    CHECK_THROWS_AS(workers.Run(20,
                                [&](size_t index, size_t) {
                                  ++done;
                                  if (index == 3) throw std::runtime_error("no memory");
                                }),
                    std::runtime_error);
    CHECK(done == 20);
    workers.Run(5, [&](size_t, size_t) { ++done; });
    CHECK(done == 25);
  }
}

TEST_CASE("Several callers share the workers", "[base][concurrency]") {
  ForkJoin workers(3);
  std::vector<std::thread> callers;
  std::atomic<int> done = 0;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) workers.Run(8, [&](size_t, size_t) { ++done; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(done == 4 * 50 * 8);
}

TEST_CASE("Workers round as the thread that made them", "[base]") {
  REQUIRE(std::fesetround(FE_UPWARD) == 0);
  ForkJoin workers(2);
  absl::Notification second;
  std::vector<int> mode(2);
  workers.Run(2, [&](size_t index, size_t) {
    if (index == 0) second.WaitForNotification();
    mode[index] = std::fegetround();
    if (index == 1) second.Notify();
  });
  REQUIRE(std::fesetround(FE_TONEAREST) == 0);
  CHECK(mode == std::vector<int>{FE_UPWARD, FE_UPWARD});
}

}  // namespace
}  // namespace kalavai

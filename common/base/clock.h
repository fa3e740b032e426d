// Time, as a seam: product code asks a Clock, tests move a fake one (tests/support/fake_clock.h).
// How long something took is another question, and the wall clock cannot answer it (it is set, it
// steps): ask a Stopwatch, and wait by a Deadline.
#ifndef KALAVAI_COMMON_BASE_CLOCK_H_
#define KALAVAI_COMMON_BASE_CLOCK_H_

#include <chrono>

#include "absl/time/time.h"

namespace kalavai {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

// Returns the machine's clock; never destroyed.
const Clock& SystemClock();

// Runs from its construction, on the steady clock: never backwards, whoever sets the time.
// Thread-safe: constant after construction.
class Stopwatch {
 public:
  Stopwatch() : start_(std::chrono::steady_clock::now()) {}
  absl::Duration Elapsed() const;

 private:
  std::chrono::steady_clock::time_point start_;
};

// So long from now, on the steady clock.
class Deadline {
 public:
  explicit Deadline(absl::Duration timeout) : timeout_(timeout) {}
  absl::Duration Left() const { return timeout_ - running_.Elapsed(); }  // negative once passed
  bool Passed() const { return Left() <= absl::ZeroDuration(); }

 private:
  Stopwatch running_;
  absl::Duration timeout_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_CLOCK_H_

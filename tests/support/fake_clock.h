// A clock that tests move. Thread-safe.
#ifndef KALAVAI_TESTS_SUPPORT_FAKE_CLOCK_H_
#define KALAVAI_TESTS_SUPPORT_FAKE_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "common/base/clock.h"

namespace kalavai::testing {

class FakeClock final : public Clock {
 public:
  // Starts at the machine's time: certificates are checked against that by TLS.
  FakeClock() : now_(absl::Now()) {}
  explicit FakeClock(absl::Time now) : now_(now) {}

  absl::Time Now() const override {
    const absl::MutexLock lock(&mutex_);
    return now_;
  }
  void Advance(absl::Duration duration) {
    const absl::MutexLock lock(&mutex_);
    now_ += duration;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_SUPPORT_FAKE_CLOCK_H_

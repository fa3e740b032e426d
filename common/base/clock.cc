#include "common/base/clock.h"

#include "absl/time/clock.h"

namespace kalavai {
namespace {

class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace

const Clock& SystemClock() {
  static const RealClock* const kClock = new RealClock();
  return *kClock;
}

absl::Duration Stopwatch::Elapsed() const {
  return absl::FromChrono(std::chrono::steady_clock::now() - start_);
}

}  // namespace kalavai

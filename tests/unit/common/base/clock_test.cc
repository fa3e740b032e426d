// Goal: durations are those of the steady clock, and the system clock is the machine's.
// Method: compare with the clocks themselves; order only, because a test must not wait.
#include "common/base/clock.h"

#include "absl/time/clock.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("The system clock is the machine's", "[base]") {
  const absl::Time before = absl::Now();
  const absl::Time now = SystemClock().Now();
  CHECK(before <= now);
  CHECK(now <= absl::Now());
}

TEST_CASE("A stopwatch runs forwards, and a deadline passes when its time is up", "[base]") {
  const Stopwatch watch;
  const absl::Duration first = watch.Elapsed();
  CHECK(first >= absl::ZeroDuration());
  CHECK(watch.Elapsed() >= first);
  CHECK(Deadline(absl::ZeroDuration()).Passed());
  CHECK(Deadline(-absl::Seconds(1)).Left() <= -absl::Seconds(1));
  const Deadline hour(absl::Hours(1));
  CHECK_FALSE(hour.Passed());
  CHECK(hour.Left() > absl::Minutes(59));
  CHECK_FALSE(Deadline(absl::InfiniteDuration()).Passed());
}

}  // namespace
}  // namespace kalavai

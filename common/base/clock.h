// Time, as a seam: product code asks a Clock, tests move a fake one.
#ifndef KALAVAI_COMMON_BASE_CLOCK_H_
#define KALAVAI_COMMON_BASE_CLOCK_H_

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

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_CLOCK_H_

// KALAVAI_CHECK: for our own bugs, never for what a peer, a file, a clock or a disk can cause.
#ifndef KALAVAI_COMMON_BASE_CHECK_H_
#define KALAVAI_COMMON_BASE_CHECK_H_

#include "absl/strings/string_view.h"

namespace kalavai::internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              absl::string_view message);
}  // namespace kalavai::internal

// Aborts with file, line, condition and `message` (a sentence that states the invariant) unless
// `condition` holds.
#define KALAVAI_CHECK(condition, message)                                                        \
  do {                                                                                           \
    if (!(condition)) ::kalavai::internal::CheckFailed(__FILE__, __LINE__, #condition, message); \
  } while (false)

#endif  // KALAVAI_COMMON_BASE_CHECK_H_

// Tells ThreadSanitizer what Debian's Abseil, which is not instrumented, does: without this file
// every use of what an absl::Mutex guards looks like a race. Linked into the tests of the preset
// tsan only.
//
// Each function here stands in the executable before the one of the same name in Abseil's shared
// library, calls that one, and says before which moment of one thread what another did is done.
// Conditions of Await run inside the library, in whatever thread holds the lock: their reads are
// left out. Only what our code calls is here; a function that is missing shows as a false race.
#include <string>

#include "absl/base/options.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include "common/base/check.h"

extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

namespace {

#define KALAVAI_TEXT_INNER(text) #text
#define KALAVAI_TEXT(text) KALAVAI_TEXT_INNER(text)

// The library's own; `rest`: the mangled name after Abseil's namespaces.
template <typename Function>
Function* Real(const char* rest) {
  const std::string inner = KALAVAI_TEXT(ABSL_OPTION_INLINE_NAMESPACE_NAME);
  const std::string name = "_ZN" + std::string(rest[0] == 'K' ? "K" : "") + "4absl" +
                           std::to_string(inner.size()) + inner +
                           (rest[0] == 'K' ? rest + 1 : rest);
  void* const found = dlsym(RTLD_NEXT, name.c_str());
  KALAVAI_CHECK(found != nullptr, "Abseil is linked as a shared library of the headers' version");
  return reinterpret_cast<Function*>(found);
}

class IgnoreReads {
 public:
  IgnoreReads() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__); }
  ~IgnoreReads() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
};

void* Address(const void* object) { return const_cast<void*>(object); }

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static auto* const real = Real<void(Mutex*)>("5Mutex4LockEv");
  real(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  static auto* const real = Real<void(Mutex*)>("5Mutex6UnlockEv");
  __tsan_release(this);
  const IgnoreReads ignore;  // a waiter's condition may run now
  real(this);
}

void Mutex::Await(const Condition& condition) {
  static auto* const real = Real<void(Mutex*, const Condition&)>("5Mutex5AwaitERKNS0_9ConditionE");
  __tsan_release(this);
  {
    const IgnoreReads ignore;
    real(this, condition);
  }
  __tsan_acquire(this);
}

void Notification::Notify() {
  static auto* const real = Real<void(Notification*)>("12Notification6NotifyEv");
  __tsan_release(this);
  real(this);
}

void Notification::WaitForNotification() const {
  static auto* const real =
      Real<void(const Notification*)>("K12Notification19WaitForNotificationEv");
  real(this);
  __tsan_acquire(Address(this));
}

bool BlockingCounter::DecrementCount() {
  static auto* const real = Real<bool(BlockingCounter*)>("15BlockingCounter14DecrementCountEv");
  __tsan_release(this);
  return real(this);
}

void BlockingCounter::Wait() {
  static auto* const real = Real<void(BlockingCounter*)>("15BlockingCounter4WaitEv");
  real(this);
  __tsan_acquire(this);
}

ABSL_NAMESPACE_END
}  // namespace absl

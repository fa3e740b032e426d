// Who waits for news of a fusion: the worker calls Notify after every saved change, streams listen.
//
// A listener is called on the worker's thread (or the caller's of Notify), must return soon and
// must not call back into this object. After Remove returns, the listener will not be called again.
// Thread-safe.
#ifndef KALAVAI_COORDINATOR_FUSION_FUSION_WATCH_H_
#define KALAVAI_COORDINATOR_FUSION_FUSION_WATCH_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace kalavai::coordinator {

class FusionWatch {
 public:
  using Listener = std::function<void()>;

  // Returns the number to remove it with.
  int64_t Add(absl::string_view fusion, Listener listener);
  void Remove(int64_t number);
  void Notify(absl::string_view fusion);

 private:
  absl::Mutex mutex_;
  int64_t next_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<int64_t, std::pair<std::string, Listener>> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_FUSION_WATCH_H_

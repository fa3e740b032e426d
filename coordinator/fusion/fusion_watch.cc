#include "coordinator/fusion/fusion_watch.h"

namespace kalavai::coordinator {

int64_t FusionWatch::Add(absl::string_view fusion, Listener listener) {
  const absl::MutexLock lock(&mutex_);
  listeners_[next_] = {std::string(fusion), std::move(listener)};
  return next_++;
}

void FusionWatch::Remove(int64_t number) {
  const absl::MutexLock lock(&mutex_);
  listeners_.erase(number);
}

void FusionWatch::Notify(absl::string_view fusion) {
  const absl::MutexLock lock(&mutex_);
  for (const auto& [number, listener] : listeners_) {
    if (listener.first == fusion) listener.second();
  }
}

}  // namespace kalavai::coordinator

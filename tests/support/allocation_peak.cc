#include "tests/support/allocation_peak.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace {

std::atomic<int64_t> held = 0;
std::atomic<int64_t> most = 0;

void* Allocate(size_t size) noexcept {
  void* const address = std::malloc(size == 0 ? 1 : size);
  if (address == nullptr) return nullptr;
  const auto bytes = static_cast<int64_t>(malloc_usable_size(address));
  const int64_t now = held.fetch_add(bytes) + bytes;
  int64_t before = most.load();
  while (now > before && !most.compare_exchange_weak(before, now)) {
  }
  return address;
}

void* AllocateOrThrow(size_t size) {
  void* const address = Allocate(size);
  if (address == nullptr) throw std::bad_alloc();
  return address;
}

void Release(void* address) noexcept {
  if (address == nullptr) return;
  held.fetch_sub(static_cast<int64_t>(malloc_usable_size(address)));
  std::free(address);
}

}  // namespace

// All forms without alignment, so that a sanitizer never sees its own new with our delete.
void* operator new(size_t size) { return AllocateOrThrow(size); }
void* operator new[](size_t size) { return AllocateOrThrow(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void operator delete(void* address) noexcept { Release(address); }
void operator delete[](void* address) noexcept { Release(address); }
void operator delete(void* address, size_t) noexcept { Release(address); }
void operator delete[](void* address, size_t) noexcept { Release(address); }
void operator delete(void* address, const std::nothrow_t&) noexcept { Release(address); }
void operator delete[](void* address, const std::nothrow_t&) noexcept { Release(address); }

namespace kalavai::testing {

AllocationPeak::AllocationPeak() : start_(held.load()) { most.store(start_); }

int64_t AllocationPeak::Bytes() const { return most.load() - start_; }

}  // namespace kalavai::testing

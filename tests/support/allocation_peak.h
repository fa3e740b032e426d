// How much memory a stretch of code holds at most, counted by replacing the global operator new.
//
//   const AllocationPeak peak;
//   Parse(text);
//   REQUIRE(peak.Bytes() < 5 * text.size());
//
// Linking this file (tests_allocations) replaces operator new and delete of the whole program; they
// work as before. All threads are counted; one AllocationPeak at a time.
#ifndef KALAVAI_TESTS_SUPPORT_ALLOCATION_PEAK_H_
#define KALAVAI_TESTS_SUPPORT_ALLOCATION_PEAK_H_

#include <cstdint>

namespace kalavai::testing {

class AllocationPeak {
 public:
  AllocationPeak();  // begins to measure
  // The most bytes held at one time since then, above what was held then.
  int64_t Bytes() const;

 private:
  int64_t start_;
};

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_SUPPORT_ALLOCATION_PEAK_H_

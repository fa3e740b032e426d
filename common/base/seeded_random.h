// A small random generator whose numbers are the same on every platform and library: SplitMix64
// (Steele, Lea & Flood 2014). For resampling, batch order and splits that must repeat from a seed;
// never for secrets (common/crypto has those).
// Not thread-safe; one object per use.
#ifndef KALAVAI_COMMON_BASE_SEEDED_RANDOM_H_
#define KALAVAI_COMMON_BASE_SEEDED_RANDOM_H_

#include <cmath>
#include <cstdint>

namespace kalavai {

class SeededRandom {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9E3779B97F4A7C15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  // Uniform in [0, 1), 53 bits.
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

  // Uniform in [0, bound), bound > 0; without the bias of a plain remainder.
  int64_t Below(int64_t bound) {
    const uint64_t n = static_cast<uint64_t>(bound);
    const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    uint64_t value = Next();
    while (value >= limit) value = Next();
    return static_cast<int64_t>(value % n);
  }

  // Standard normal (Box-Muller, one of the pair).
  double Normal() {
    constexpr double kTwoPi = 6.283185307179586476925;
    const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
    return radius * std::cos(kTwoPi * Uniform());
  }

 private:
  uint64_t state_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_SEEDED_RANDOM_H_

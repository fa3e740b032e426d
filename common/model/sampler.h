// Draws the next token from log-probabilities: temperature, then top-k, then top-p, then one
// uniform number.
//
//   Sampler sampler({.temperature = 0.8, .top_p = 0.95, .seed = 7});
//   const int32_t token = sampler.Next(log_probs);   // log_probs: V floats, natural logarithm
//
// Portable: the same seed and the same log-probabilities give the same tokens with every compiler
// and library. The generator is SplitMix64 (Steele, Lea & Flood 2014), one 64-bit draw per token of
// which 53 bits make the uniform number; sums run in float64 in order of falling probability, ties
// by lower id. Temperature 0 takes the most probable token (lowest id on ties) and draws nothing.
// Log-probabilities need not be normalised; −infinity and NaN are never drawn unless nothing else
// is there (then 0). Threads: one at a time.
#ifndef KALAVAI_COMMON_MODEL_SAMPLER_H_
#define KALAVAI_COMMON_MODEL_SAMPLER_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"

namespace kalavai {

struct SamplerOptions {
  double temperature = 1.0;  // ≥ 0; 0: greedy
  double top_p = 1.0;  // (0, 1]: the smallest set of tokens with at least this share of the mass
  uint64_t seed = 0;
  int64_t top_k = 0;  // ≥ 0: only so many of the most probable tokens; 0: all
};

// INVALID_ARGUMENT, SAMPLING_INVALID, unless temperature is in [0, 100], top_p in (0, 1] and top_k
// ≥ 0.
absl::Status Validate(const SamplerOptions& options);

class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  double Uniform();  // [0, 1), 53 bits

 private:
  uint64_t state_;
};

class Sampler {
 public:
  explicit Sampler(const SamplerOptions& options);  // valid options (Validate)
  int32_t Next(std::span<const float> log_probs);

 private:
  SamplerOptions options_;
  SplitMix64 generator_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_SAMPLER_H_

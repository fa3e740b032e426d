// Noise on a member's gate statistics (design §3.6): the Gaussian mechanism on clipped summaries,
// as "Analyze Gauss" (Dwork, Talwar, Thakurta, Zhang 2014) has it for Σyyᵀ.
//
//   Two files that differ in one chunk of text (one replaced by another of the same length) are
//   told apart with (ε, δ) at most, by anybody, from everything in the file.
//
// The unit is the chunk: a document of several chunks has (kε, …) by composition for its k chunks,
// and each further file made of the same text spends ε again. Public by construction and without
// noise: how many chunks and summaries, and what depends on their length alone (Σ and Σ² of the
// last number of a summary, "how much was read"). Not protected: the trained specialist that is
// submitted beside the file, and the low bits of floating-point noise (Mironov 2012).
//
// Each summary's first D numbers are scaled to norm C at most. With m summaries a chunk and f the
// mean of the last number, a replaced chunk moves (Σz/C, Σfz/C, Σzzᵀ/C²) by √(4 + 4f² + 2)·m at
// most, and every number gets N(0, σ²) of its unit with σ of the analytic Gaussian mechanism (Balle
// & Wang 2018), exact for every ε. C does not depend on the member's text: the median norm of
// summaries of random tokens, unless given.
//
// Noise may leave Σyyᵀ or Σzzᵀ - Σz Σzᵀ/n indefinite: no data has such sums, and the prior could
// not be solved. The smallest power-of-two multiple of σC² that makes both positive definite is
// then added to the diagonal of the D numbers: arithmetic on what is noised already, it costs no
// privacy.
//
// Randomness comes from the operating system, never from a seed. Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_PROBE_STATISTICS_NOISE_H_
#define KALAVAI_COMMON_PROBE_STATISTICS_NOISE_H_

#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/router/member_statistics.h"

namespace kalavai {

struct NoiseWish {
  double epsilon = 1;   // in [kNoiseEpsilonMin, kNoiseEpsilonMax]
  double delta = 1e-6;  // in [kNoiseDeltaMin, kNoiseDeltaMax]
};

// The smallest σ with (ε, δ) for a function that moves by `sensitivity` at most (Balle & Wang 2018,
// theorem 8), found by bisection from above. All arguments above 0.
double GaussianSigma(double epsilon, double delta, double sensitivity);

// What one replaced chunk can move, in the units above, of statistics with this many summaries a
// chunk and this mean of the last number.
double StatisticsSensitivity(double summaries_per_chunk, double mean_fill);

// Fills `out` with independent N(0, 1) from the operating system's generator (getrandom).
void DrawNormal(std::span<double> out);

// Adds noise to sums of summaries that AddText has clipped at `clip`, and notes it in
// `statistics.noise`. INVALID_ARGUMENT MEMBER_STATISTICS_INVALID: ε, δ or clip outside its range,
// statistics that have noise already.
absl::Status AddNoise(const NoiseWish& wish, double clip, ClassStatistics& statistics);

// What a file says of its noise must be what (ε, δ) demand of its sums; none is valid too.
absl::Status ValidateNoise(const ClassStatistics& statistics);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PROBE_STATISTICS_NOISE_H_

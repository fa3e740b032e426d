// Additive statistics of the gate's summaries: what the closed-form prior is solved from.
//
// For one class of text (a domain's probe text, a member's own text, public text) n, Σy and Σyyᵀ of
// the summaries y [D + 1] (gate_features.h), one summary every kStatisticsStride rows, in float64.
// Text cannot be read back from them, a member without probe text sends them instead (design §3.6),
// and they add: joining adds a class, leaving leaves it out of the sum, which is always taken anew
// in the order given, so that it is bit for bit the sum without it. Values own their data.
// Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_ROUTER_MEMBER_STATISTICS_H_
#define KALAVAI_COMMON_ROUTER_MEMBER_STATISTICS_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "common/router/gate_features.h"

namespace kalavai {

// Neighbouring summaries are almost equal (half-life 24 tokens); every fourth row is enough.
inline constexpr int kStatisticsStride = 4;

// Noise that a member has added to its sums (common/probe/statistics_noise.h).
struct StatisticsNoise {
  double epsilon = 0;
  double delta = 0;
  double clip = 0;   // C: the largest norm of a summary's first D numbers
  double sigma = 0;  // standard deviation, of Σy in units of C and of Σyyᵀ in units of C²
};
inline constexpr double kNoiseEpsilonMin = 0.01;
inline constexpr double kNoiseEpsilonMax = 100;
inline constexpr double kNoiseDeltaMin = 1e-15;
inline constexpr double kNoiseDeltaMax = 1e-4;
inline constexpr double kNoiseClipMin = 1e-6;
inline constexpr double kNoiseClipMax = 1e6;

struct ClassStatistics {
  std::string label = {};            // domain or member, for reports
  int width = 0;                     // D of the hidden state; summaries have D + 1 numbers
  double count = 0;                  // n summaries
  int64_t chunks = 0;                // texts they come from
  std::vector<double> sum = {};      // Σy [D + 1]
  std::vector<double> product = {};  // Σyyᵀ [D + 1][D + 1], both triangles
  std::optional<StatisticsNoise> noise = {};
};

ClassStatistics EmptyStatistics(absl::string_view label, int width);

// Adds one text: hidden [T][D], its states in order. Row t contributes the summary of states 0 …
// t-1, for t = stride, 2 stride, … < T. A summary whose first D numbers have a norm above `clip`
// has them scaled to it; infinity: none.
void AddText(std::span<const float> hidden, double half_life, double shrinkage,
             ClassStatistics& statistics, double clip = std::numeric_limits<double>::infinity());

// Adds `other` to `statistics`; widths are equal.
void Merge(const ClassStatistics& other, ClassStatistics& statistics);

// InvalidArgument MEMBER_STATISTICS_INVALID: sizes disagree with `width`, no summary was counted, a
// number is not finite, Σyyᵀ is not symmetric or has a diagonal that no data could have (noise for
// privacy up to a tenth of the diagonal passes).
absl::Status ValidateStatistics(const ClassStatistics& statistics, int width);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_MEMBER_STATISTICS_H_

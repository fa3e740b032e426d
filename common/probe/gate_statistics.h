// The gate's statistics of text that stays at home (design §3.6): what a member whose domain has no
// probe text at the coordinator sends instead of text, as gate_statistics.safetensors inside its
// submission.
//
//   ASSIGN_OR_RETURN(const ClassStatistics sums,
//                    MeasureGateStatistics(base_dir, chunks, {.label = "legal"}));
//   RETURN_IF_ERROR(WriteGateStatistics(path, sums));
//
// n, Σy and Σyyᵀ of the summaries of the base's states (common/router/member_statistics.h), over
// whole chunks of T tokens, the state after a chunk's first token left out, as in the router's own
// data (common/router/probe_data.h). At least kGateStatisticsChunksMin chunks go into one sum, so
// that none can be read back from it; with noise (statistics_noise.h) that is a promise with ε and
// δ. This header names no tensor. Threads: as RunProbePass for measuring; reading and writing are
// pure functions of files.
#ifndef KALAVAI_COMMON_PROBE_GATE_STATISTICS_H_
#define KALAVAI_COMMON_PROBE_GATE_STATISTICS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/model/device.h"
#include "common/probe/statistics_noise.h"
#include "common/router/member_statistics.h"

namespace kalavai {

inline constexpr char kGateStatisticsFile[] = "gate_statistics.safetensors";
inline constexpr int64_t kGateStatisticsChunksMin = 1000;

struct GateStatisticsOptions {
  std::string label = {};      // the domain
  int64_t chunk_tokens = 256;  // T
  Device device = Device::kCpu;
  std::optional<NoiseWish> noise = {};
  std::function<absl::Status(int64_t chunks_done, int64_t chunks)> progress = {};
};

// Runs the base in `dir` over `tokens` [chunks × T]. Errors: those of LoadTransformer and
// TokenLogProbs; INVALID_ARGUMENT MEMBER_STATISTICS_INVALID: fewer chunks than
// kGateStatisticsChunksMin.
absl::StatusOr<ClassStatistics> MeasureGateStatistics(const std::string& dir,
                                                      std::span<const int32_t> tokens,
                                                      const GateStatisticsOptions& options);

// Atomic. Errors: those of WriteSafetensors.
absl::Status WriteGateStatistics(const std::string& path, const ClassStatistics& statistics);

// Checks everything: `width` is the base's hidden size, `chunk_tokens` the charter's T (0: not
// known), and too few chunks are refused. Of some text the sums must be: a chunk gives at most
// ⌊(T − 2) / kStatisticsStride⌋ summaries, the weight f of each is above 0 and at most 1, so that
// Σf ≤ n and (Σf)²/n ≤ Σf² ≤ Σf, and Σyyᵀ and the scatter Σzzᵀ − ΣzΣzᵀ/n have no negative direction
// (noise was made to keep both; rounding may cost 1e-8 of the diagonal). Errors: INVALID_ARGUMENT
// MEMBER_STATISTICS_INVALID (also when it is no such file), those of reading.
absl::StatusOr<ClassStatistics> ReadGateStatistics(const std::string& path, absl::string_view label,
                                                   int64_t width, int64_t chunk_tokens = 0);

// What of that is about the sums alone.
absl::Status CheckSumsOfText(const ClassStatistics& statistics, int64_t chunk_tokens);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PROBE_GATE_STATISTICS_H_

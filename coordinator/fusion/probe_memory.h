// May a fusion be computed here? The arrays of all models over the probe text are in memory at once
// when the router is trained, and the base's hidden states are nearly all of them.
//
//   RETURN_IF_ERROR(CheckProbeMemory(probe, experts, hidden_size, MemoryLimit()));
//
// Asked before the first pass, and again when a coordinator that was killed goes on: what the
// kernel ended for lack of memory is not begun anew. Any thread.
#ifndef KALAVAI_COORDINATOR_FUSION_PROBE_MEMORY_H_
#define KALAVAI_COORDINATOR_FUSION_PROBE_MEMORY_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"

#include "common/probe/probe_text.h"

namespace kalavai::coordinator {

// Bytes at the least, for n = `experts` with the base, C chunks of T tokens and states of D =
// `hidden_size` numbers: 2 · 4 · C · (n (T − 1) + D T). Twice, because the caches of base and
// specialists are copied into the arrays that the router works on before they are freed.
int64_t ProbeArraysBytes(int64_t chunks, int64_t chunk_tokens, int64_t experts,
                         int64_t hidden_size);

// RESOURCE_EXHAUSTED OUT_OF_MEMORY (metadata `needed`, `limit`, bytes) when that is more than
// `limit`; OK where it is not known.
absl::Status CheckProbeMemory(const ProbeText& probe, int64_t experts, int64_t hidden_size,
                              std::optional<int64_t> limit);

// What this process can have at most, whatever runs beside it: the machine's memory, or the limit
// of its control group (a container); nothing when the system does not say.
std::optional<int64_t> MemoryLimit();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_PROBE_MEMORY_H_

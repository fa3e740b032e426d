#include "coordinator/fusion/probe_memory.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <unistd.h>

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/storage/atomic_file.h"

namespace kalavai::coordinator {
namespace {

double MiB(int64_t bytes) { return static_cast<double>(bytes) / static_cast<double>(limits::kMiB); }

// The limit of this process's control group where it is the root of what it sees.
std::optional<int64_t> ControlGroupLimit() {
  const absl::StatusOr<std::string> text = ReadFileBounded("/sys/fs/cgroup/memory.max", 64);
  int64_t bytes = 0;
  if (!text.ok() || !absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &bytes)) {
    return std::nullopt;  // "max", or no such file
  }
  return bytes;
}

}  // namespace

int64_t ProbeArraysBytes(int64_t chunks, int64_t chunk_tokens, int64_t experts,
                         int64_t hidden_size) {
  const int64_t numbers = chunks * (experts * (chunk_tokens - 1) + hidden_size * chunk_tokens);
  return 2 * static_cast<int64_t>(sizeof(float)) * numbers;
}

absl::Status CheckProbeMemory(const ProbeText& probe, int64_t experts, int64_t hidden_size,
                              std::optional<int64_t> limit) {
  if (!limit.has_value()) return absl::OkStatus();
  const int64_t needed =
      ProbeArraysBytes(probe.chunk_count(), probe.chunk_tokens, experts, hidden_size);
  if (needed <= *limit) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY",
      {.what = absl::StrFormat(
           "memory: the arrays of %d models over %d chunks of %d tokens, with the base's states of "
           "%d numbers, need about %.0f MiB, there are %.0f MiB",
           experts, probe.chunk_count(), probe.chunk_tokens, hidden_size, MiB(needed), MiB(*limit)),
       .why = "the router is trained with all of them in memory",
       .fix = "fuse on a machine with more memory, or found the cooperative with shorter chunks or "
              "fewer domains",
       .metadata = {{"needed", absl::StrCat(needed)}, {"limit", absl::StrCat(*limit)}}});
}

std::optional<int64_t> MemoryLimit() {
  const int64_t pages = sysconf(_SC_PHYS_PAGES);
  const int64_t page_bytes = sysconf(_SC_PAGE_SIZE);
  std::optional<int64_t> limit = ControlGroupLimit();
  if (pages > 0 && page_bytes > 0 && (!limit.has_value() || pages < *limit / page_bytes)) {
    limit = pages * page_bytes;
  }
  return limit;
}

}  // namespace kalavai::coordinator

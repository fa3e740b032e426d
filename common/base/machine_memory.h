// How much memory this process may still take: what the machine has free, within the limits of the
// control groups (a container, a systemd service) it runs in.
//
//   const std::optional<int64_t> free = FreeMemory();
//   if (free.has_value() && needed > *free) …refuse…
//
// Linux: MemAvailable of /proc/meminfo; memory.max, memory.current and memory.stat of every group
// from the process's own up to the root of /sys/fs/cgroup (version 2). Pages of files that nobody
// has touched for a while count as free, as in MemAvailable: the kernel drops them on demand.
// Nothing where the system does not say. Thread-safe.
#ifndef KALAVAI_COMMON_BASE_MACHINE_MEMORY_H_
#define KALAVAI_COMMON_BASE_MACHINE_MEMORY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace kalavai {

std::optional<int64_t> FreeMemory();  // bytes

// MemAvailable of a /proc/meminfo, bytes.
std::optional<int64_t> ParseMemAvailable(absl::string_view meminfo);

// The path of the process's group in a /proc/self/cgroup: "/a/b" of "0::/a/b"; "/" when there is
// none.
std::string ParseControlGroup(absl::string_view cgroup);

// The least that `group` or one above it still allows, bytes; nothing when none has a limit.
// `root`: where the groups are mounted. In a container its own group may be the root.
std::optional<int64_t> ControlGroupFree(const std::string& root, const std::string& group);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_MACHINE_MEMORY_H_

#include "common/base/machine_memory.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "common/base/limits.h"

namespace kalavai {
namespace {

std::string ReadSmallFile(const std::string& path) {
  std::ifstream stream(path);
  std::ostringstream text;
  if (stream) text << stream.rdbuf();
  return text.str();
}

// Nothing of "max", too.
std::optional<int64_t> ParseBytes(absl::string_view text) {
  int64_t bytes = 0;
  if (!absl::SimpleAtoi(absl::StripSuffix(text, "\n"), &bytes) || bytes < 0) return std::nullopt;
  return bytes;
}

// "inactive_file 4096" of a memory.stat; 0 when it is not there.
int64_t InactiveFile(absl::string_view stat) {
  for (absl::string_view line : absl::StrSplit(stat, '\n')) {
    if (absl::ConsumePrefix(&line, "inactive_file ")) return ParseBytes(line).value_or(0);
  }
  return 0;
}

std::optional<int64_t> GroupFree(const std::string& directory) {
  const auto limit = ParseBytes(ReadSmallFile(directory + "/memory.max"));
  const auto used = ParseBytes(ReadSmallFile(directory + "/memory.current"));
  if (!limit.has_value() || !used.has_value()) return std::nullopt;
  const int64_t kept =
      std::max<int64_t>(0, *used - InactiveFile(ReadSmallFile(directory + "/memory.stat")));
  return std::max<int64_t>(0, *limit - kept);
}

}  // namespace

std::optional<int64_t> ParseMemAvailable(absl::string_view meminfo) {
  for (absl::string_view line : absl::StrSplit(meminfo, '\n')) {
    if (!absl::ConsumePrefix(&line, "MemAvailable:")) continue;
    int64_t kib = 0;
    if (!absl::ConsumeSuffix(&line, "kB") || !absl::SimpleAtoi(line, &kib)) return std::nullopt;
    return kib * limits::kKiB;
  }
  return std::nullopt;
}

std::string ParseControlGroup(absl::string_view cgroup) {
  for (absl::string_view line : absl::StrSplit(cgroup, '\n')) {
    if (absl::ConsumePrefix(&line, "0::") && !line.empty()) return std::string(line);
  }
  return "/";
}

std::optional<int64_t> ControlGroupFree(const std::string& root, const std::string& group) {
  std::optional<int64_t> least;
  std::string directory = root;
  for (const absl::string_view part : absl::StrSplit(absl::StrCat("/", group), '/')) {
    if (part == "..") continue;  // of a group outside this process's namespace
    if (!part.empty()) absl::StrAppend(&directory, "/", part);
    const std::optional<int64_t> free = GroupFree(directory);
    if (free.has_value()) least = std::min(*free, least.value_or(*free));
  }
  return least;
}

std::optional<int64_t> FreeMemory() {
  std::optional<int64_t> free = ParseMemAvailable(ReadSmallFile("/proc/meminfo"));
  const std::optional<int64_t> group =
      ControlGroupFree("/sys/fs/cgroup", ParseControlGroup(ReadSmallFile("/proc/self/cgroup")));
  if (group.has_value()) free = std::min(*group, free.value_or(*group));
  return free;
}

}  // namespace kalavai

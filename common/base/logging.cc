#include "common/base/logging.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include <unistd.h>

#include "common/base/clock.h"

namespace kalavai {
namespace {

bool NeedsQuotes(absl::string_view value) {
  if (value.empty()) return true;
  for (const char byte : value) {
    const unsigned char c = static_cast<unsigned char>(byte);
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) return true;
  }
  return false;
}

void Write(absl::string_view severity, absl::string_view event, LogFields fields) {
  std::string line = absl::StrCat(
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", SystemClock().Now(), absl::UTCTimeZone()), " ",
      severity, " \"", absl::CEscape(event), "\"");
  for (const auto& [name, value] : fields) {
    absl::StrAppend(&line, " ", name, "=");
    if (NeedsQuotes(value)) {
      absl::StrAppend(&line, "\"", absl::Utf8SafeCEscape(value), "\"");
    } else {
      absl::StrAppend(&line, value);
    }
  }
  line.push_back('\n');
  // A log line that cannot be written has nowhere to be reported.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

void LogInfo(absl::string_view event, LogFields fields) { Write("info", event, fields); }
void LogWarning(absl::string_view event, LogFields fields) { Write("warning", event, fields); }
void LogError(absl::string_view event, LogFields fields) { Write("error", event, fields); }

}  // namespace kalavai

// Structured log lines, one event a line, on standard error (the coordinator's log; a member's
// standard output is its result). Two spellings of the same fields, in the same order:
//
//   time=2026-11-23T10:00:00.123Z level=info event="Admitted submission" seconds=1.2
//   {"time":"2026-11-23T10:00:00.123Z","level":"info","event":"Admitted
//   submission","seconds":"1.2"}
//
// The event is a constant text: capital letter, past tense, no full stop; what varies is a field.
// Field names are constants too: [a-z][a-z0-9_]*, none of time, level, event. Libraries return
// errors and do not log them. Requests carry their request_id, the one their caller reads in an
// INTERNAL error.
//
// No value can forge a line or a field: control characters (C0, DEL, C1), line and paragraph
// separators and bidirectional controls are escaped, bytes that are not UTF-8 become \xNN (logfmt)
// or U+FFFD (JSON, which has no bytes), and a value longer than limits::kLogValueBytesMax is cut
// with "…". Secrets have no way in: a Secret<T> does not convert.
//
// Thread-safe; lines are whole. A line that cannot be written has nowhere to be reported.
#ifndef KALAVAI_COMMON_BASE_LOGGING_H_
#define KALAVAI_COMMON_BASE_LOGGING_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/base/clock.h"

namespace kalavai {

enum class LogFormat { kLogfmt, kJson };
enum class LogLevel {
  kDebug,    // for whoever looks for a fault; off by default
  kInfo,     // the life of things
  kWarning,  // degraded, refused
  kError,    // an operator must act
};

using LogFields = std::initializer_list<std::pair<absl::string_view, std::string>>;

void LogDebug(absl::string_view event, LogFields fields = {});
void LogInfo(absl::string_view event, LogFields fields = {});
void LogWarning(absl::string_view event, LogFields fields = {});
void LogError(absl::string_view event, LogFields fields = {});

struct LogOptions {
  LogFormat format = LogFormat::kLogfmt;
  LogLevel level = LogLevel::kInfo;     // lines below it are dropped
  const Clock* clock = &SystemClock();  // not owned, outlives the last line
};

// Of the whole process: it has one standard error. Returns what was set before.
LogOptions SetLogOptions(const LogOptions& options);

// Lines written since the process began, dropped ones left out; for metrics.
int64_t LogLinesWritten(LogLevel level);

// The line, with its line end: what the functions above write. Pure.
std::string FormatLogLine(LogFormat format, absl::Time time, LogLevel level,
                          absl::string_view event, LogFields fields);

// "logfmt", "json"; "debug", "info", "warning", "error".
std::optional<LogFormat> ParseLogFormat(absl::string_view text);
std::optional<LogLevel> ParseLogLevel(absl::string_view text);
absl::string_view LogLevelName(LogLevel level);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_LOGGING_H_

#include "common/base/logging.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/utf8.h"

namespace kalavai {
namespace {

constexpr size_t kLevels = 4;
constexpr absl::string_view kLevelNames[kLevels] = {"debug", "info", "warning", "error"};

ABSL_CONST_INIT absl::Mutex write_mutex(absl::kConstInit);

struct State {
  LogOptions options;
  std::array<std::atomic<int64_t>, kLevels> written = {};
};

State& Process() {
  static State* const state = new State;
  return *state;
}

// Well-formed characters that would still let a value act on the reader's screen or on a program
// that splits lines: C1 controls, U+061C, U+200B–U+200F, U+2028–U+202E, U+2060–U+2069, U+FEFF.
bool IsInvisible(uint32_t character) {
  return (character >= 0x80 && character < 0xA0) || character == 0x061C ||
         (character >= 0x200B && character <= 0x200F) ||
         (character >= 0x2028 && character <= 0x202E) ||
         (character >= 0x2060 && character <= 0x2069) || character == 0xFEFF;
}

// The code point of the well-formed character of 2 to 4 bytes at the start of `text`.
uint32_t Decode(absl::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  uint32_t code = character.size() == 2   ? lead & 0x1FU
                  : character.size() == 3 ? lead & 0x0FU
                                          : lead & 0x07U;
  for (const char byte : character.substr(1)) {
    code = code << 6U | (static_cast<unsigned char>(byte) & 0x3FU);
  }
  return code;
}

void AppendAscii(char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned char>(c));
      } else {
        out.push_back(c);
      }
  }
}

// What stands between the quotes.
std::string Escape(LogFormat format, absl::string_view text) {
  const bool cut = static_cast<int64_t>(text.size()) > limits::kLogValueBytesMax;
  if (cut) text = text.substr(0, limits::kLogValueBytesMax);
  std::string out;
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80) {
      AppendAscii(text[0], out);
      text.remove_prefix(1);
      continue;
    }
    const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    const absl::string_view character = text.substr(0, length);
    if (character.size() < length || ValidUtf8Prefix(character) != static_cast<int64_t>(length)) {
      if (format == LogFormat::kLogfmt) {
        absl::StrAppendFormat(&out, "\\x%02x", lead);
      } else {
        out += "\\ufffd";
      }
      text.remove_prefix(1);
      continue;
    }
    const uint32_t code = Decode(character);
    if (IsInvisible(code)) {
      absl::StrAppendFormat(&out, "\\u%04x", code);
    } else {
      absl::StrAppend(&out, character);
    }
    text.remove_prefix(length);
  }
  if (cut) out += "…";
  return out;
}

bool NeedsQuotes(absl::string_view value, absl::string_view escaped) {
  return value.empty() || value != escaped ||
         value.find_first_of(" =\"'`{}[],") != absl::string_view::npos;
}

void AppendField(LogFormat format, absl::string_view name, absl::string_view value,
                 std::string& line) {
  const std::string escaped = Escape(format, value);
  if (format == LogFormat::kJson) {
    absl::StrAppend(&line, line.empty() ? "{\"" : ",\"", name, "\":\"", escaped, "\"");
    return;
  }
  const absl::string_view quote = NeedsQuotes(value, escaped) ? "\"" : "";
  absl::StrAppend(&line, line.empty() ? "" : " ", name, "=", quote, escaped, quote);
}

void Write(LogLevel level, absl::string_view event, LogFields fields) {
  State& process = Process();
  const absl::MutexLock lock(&write_mutex);
  if (level < process.options.level) return;
  ++process.written[static_cast<size_t>(level)];
  const std::string line =
      FormatLogLine(process.options.format, process.options.clock->Now(), level, event, fields);
  absl::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = write(STDERR_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    rest.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

void LogDebug(absl::string_view event, LogFields fields) { Write(LogLevel::kDebug, event, fields); }
void LogInfo(absl::string_view event, LogFields fields) { Write(LogLevel::kInfo, event, fields); }
void LogWarning(absl::string_view event, LogFields fields) {
  Write(LogLevel::kWarning, event, fields);
}
void LogError(absl::string_view event, LogFields fields) { Write(LogLevel::kError, event, fields); }

LogOptions SetLogOptions(const LogOptions& options) {
  const absl::MutexLock lock(&write_mutex);
  return std::exchange(Process().options, options);
}

int64_t LogLinesWritten(LogLevel level) {
  return Process().written[static_cast<size_t>(level)].load();
}

std::string FormatLogLine(LogFormat format, absl::Time time, LogLevel level,
                          absl::string_view event, LogFields fields) {
  std::string line;
  AppendField(format, "time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()),
              line);
  AppendField(format, "level", LogLevelName(level), line);
  AppendField(format, "event", event, line);
  for (const auto& [name, value] : fields) AppendField(format, name, value, line);
  line += format == LogFormat::kJson ? "}\n" : "\n";
  return line;
}

std::optional<LogFormat> ParseLogFormat(absl::string_view text) {
  if (text == "logfmt") return LogFormat::kLogfmt;
  if (text == "json") return LogFormat::kJson;
  return std::nullopt;
}

std::optional<LogLevel> ParseLogLevel(absl::string_view text) {
  for (size_t i = 0; i < kLevels; ++i) {
    if (text == kLevelNames[i]) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

absl::string_view LogLevelName(LogLevel level) { return kLevelNames[static_cast<size_t>(level)]; }

}  // namespace kalavai

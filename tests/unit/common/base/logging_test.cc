// Goal: a log line is one line that a machine can split, whatever the values hold.
// Method: the formatter on tables of hostile values; JSON lines parsed back; the process's own
// lines read from a file in place of standard error, from many threads at once.
#include "common/base/logging.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/blocking_counter.h"
#include "nlohmann/json.hpp"
#include <fcntl.h>
#include <unistd.h>

#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/worker_queue.h"
#include "tests/support/catch.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

const absl::Time kTime = absl::FromUnixMillis(1763892000123);

std::string Line(LogFormat format, const std::string& value) {
  return FormatLogLine(format, kTime, LogLevel::kInfo, "Refused call", {{"what", value}});
}

template <typename Function>
std::string Logged(Function log) {
  testing::TempDir directory;
  const std::string path = directory.File("log");
  const int saved = dup(STDERR_FILENO);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(file, STDERR_FILENO);
  log();
  dup2(saved, STDERR_FILENO);
  close(file);
  close(saved);
  return testing::ReadFile(path);
}

TEST_CASE("A line has time, level, event and fields in either spelling", "[base]") {
  const LogFields fields = {{"submission", "a/b"}, {"seconds", "1.2"}};
  CHECK(FormatLogLine(LogFormat::kLogfmt, kTime, LogLevel::kInfo, "Admitted submission", fields) ==
        "time=2025-11-23T10:00:00.123Z level=info event=\"Admitted submission\" submission=a/b "
        "seconds=1.2\n");
  CHECK(FormatLogLine(LogFormat::kJson, kTime, LogLevel::kError, "Lost", {{"n", "1"}}) ==
        "{\"time\":\"2025-11-23T10:00:00.123Z\",\"level\":\"error\",\"event\":\"Lost\","
        "\"n\":\"1\"}\n");
}

TEST_CASE("A value cannot forge a second line or field", "[base]") {
  const struct {
    std::string value;
    const char* logfmt;
    const char* json;
  } cases[] = {
      {"plain/value-1.2:3", "plain/value-1.2:3", "\"plain/value-1.2:3\""},
      {"", "\"\"", "\"\""},
      {"a\nlevel=error event=x", R"("a\nlevel=error event=x")", R"("a\nlevel=error event=x")"},
      {"a\r\tb", R"("a\r\tb")", R"("a\r\tb")"},
      {"x=y z", R"("x=y z")", R"("x=y z")"},
      {"\"", R"("\"")", R"("\"")"},
      {"a\\", R"("a\\")", R"("a\\")"},
      {"','k':'v", R"("','k':'v")", R"("','k':'v")"},
      {std::string("a\0b", 3), R"("a\u0000b")", R"("a\u0000b")"},
      {"\x1b[31mred", R"("\u001b[31mred")", R"("\u001b[31mred")"},
      {"\x7f", R"("\u007f")", R"("\u007f")"},
      {"\xc2\x85", R"("\u0085")", R"("\u0085")"},         // next line
      {"\xe2\x80\xa8x", R"("\u2028x")", R"("\u2028x")"},  // line separator
      {"\xe2\x80\xaex", R"("\u202ex")", R"("\u202ex")"},  // right-to-left override
      {"Ṣọlá 😀", "\"Ṣọlá 😀\"", "\"Ṣọlá 😀\""},
      {"Ṣọlá", "Ṣọlá", "\"Ṣọlá\""},
      {"a\xff", R"("a\xff")", R"("a\ufffd")"},
      {"\xed\xa0\x80", R"("\xed\xa0\x80")", R"("\ufffd\ufffd\ufffd")"},  // a surrogate
      {"\xc3", R"("\xc3")", R"("\ufffd")"},                              // cut short
      {"\xc0\x8a", R"("\xc0\x8a")", R"("\ufffd\ufffd")"},                // overlong line feed
  };
  for (const auto& c : cases) {
    INFO(c.logfmt);
    const std::string head = "time=2025-11-23T10:00:00.123Z level=info event=\"Refused call\" ";
    CHECK(Line(LogFormat::kLogfmt, c.value) == absl::StrCat(head, "what=", c.logfmt, "\n"));
    const std::string json = Line(LogFormat::kJson, c.value);
    CHECK(json.find(absl::StrCat("\"what\":", c.json, "}\n")) != std::string::npos);
    CHECK(json.find('\n') == json.size() - 1);
    REQUIRE_OK(ReadJson(json));
  }
}

TEST_CASE("Every byte in every place gives one line, and a JSON line reads back", "[base]") {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; second += 5) {
      const std::string value = {static_cast<char>(first), static_cast<char>(second)};
      const std::string logfmt = Line(LogFormat::kLogfmt, value);
      CHECK(std::count_if(logfmt.begin(), logfmt.end(),
                          [](char c) { return static_cast<unsigned char>(c) < 0x20; }) == 1);
      REQUIRE_OK_AND_ASSIGN(const nlohmann::json json, ReadJson(Line(LogFormat::kJson, value)));
      if (first < 128 && second < 128) CHECK(json["what"] == value);
    }
  }
}

TEST_CASE("A long value is cut", "[base]") {
  const std::string line = Line(
      LogFormat::kLogfmt, std::string(static_cast<size_t>(limits::kLogValueBytesMax) + 1, 'a'));
  CHECK(line.size() < static_cast<size_t>(limits::kLogValueBytesMax) + 100);
  CHECK(line.find("a…\"\n") != std::string::npos);
}

TEST_CASE("Lines below the level are dropped and not counted", "[base]") {
  const testing::FakeClock clock(kTime);
  const LogOptions before =
      SetLogOptions({.format = LogFormat::kJson, .level = LogLevel::kWarning, .clock = &clock});
  const int64_t warnings = LogLinesWritten(LogLevel::kWarning);
  const int64_t infos = LogLinesWritten(LogLevel::kInfo);
  const std::string text = Logged([] {
    LogDebug("Debugged");
    LogInfo("Informed");
    LogWarning("Warned");
    LogError("Erred");
  });
  SetLogOptions(before);
  CHECK(text == FormatLogLine(LogFormat::kJson, kTime, LogLevel::kWarning, "Warned", {}) +
                    FormatLogLine(LogFormat::kJson, kTime, LogLevel::kError, "Erred", {}));
  CHECK(LogLinesWritten(LogLevel::kWarning) == warnings + 1);
  CHECK(LogLinesWritten(LogLevel::kInfo) == infos);
}

TEST_CASE("Lines of many threads stay whole", "[base][concurrency]") {
  const std::string filler(3000, 'f');
  const std::string text = Logged([&filler] {
    WorkerQueue queue(4, 4000);
    absl::BlockingCounter done(400);
    for (int i = 0; i < 400; ++i) {
      REQUIRE_OK(queue.Add([&done, &filler, i] {
        LogInfo("Counted", {{"i", absl::StrCat(i)}, {"filler", filler}});
        done.DecrementCount();
      }));
    }
    done.Wait();
  });
  std::set<std::string> seen;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    CHECK(absl::EndsWith(line, absl::StrCat(" filler=", filler)));
    seen.emplace(line.substr(line.find(" i=")));
  }
  CHECK(seen.size() == 400);
}

TEST_CASE("Formats and levels are read from their names only", "[base]") {
  CHECK(ParseLogFormat("json") == LogFormat::kJson);
  CHECK(ParseLogFormat("logfmt") == LogFormat::kLogfmt);
  CHECK_FALSE(ParseLogFormat("JSON").has_value());
  for (const char* name : {"debug", "info", "warning", "error"}) {
    CHECK(LogLevelName(ParseLogLevel(name).value()) == name);
  }
  CHECK_FALSE(ParseLogLevel("warn").has_value());
}

}  // namespace
}  // namespace kalavai

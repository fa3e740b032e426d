#include "common/cli/console.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/utf8.h"

namespace kalavai {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the flag is set from a signal handler");

constexpr absl::Duration kTerminalPeriod = absl::Milliseconds(200);
constexpr absl::Duration kLinePeriod = absl::Seconds(10);

std::string Dump(const nlohmann::json& object) {
  return object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

// For a terminal: its control sequences would let whoever wrote the text (another machine, or a
// model) move the cursor, change what was printed, or worse. Line ends and tabs stay.
std::string Printable(absl::string_view text) {
  std::string printable;
  printable.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F;
    // U+0080 to U+009F, the second set of controls.
    const bool second = byte == 0xC2 && i + 1 < text.size() &&
                        static_cast<unsigned char>(text[i + 1]) >= 0x80 &&
                        static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (second) ++i;
    if (control || second) {
      printable += "\xEF\xBF\xBD";  // U+FFFD
    } else {
      printable += static_cast<char>(byte);
    }
  }
  return printable;
}

}  // namespace

bool Interrupted() { return interrupted.load(std::memory_order_relaxed); }

void SetInterrupted(bool value) { interrupted.store(value, std::memory_order_relaxed); }

absl::Status InterruptedError(absl::string_view resume) {
  return MakeError(absl::StatusCode::kCancelled, "INTERRUPTED",
                   {.what = "interrupted; what was done is kept", .fix = std::string(resume)});
}

Console::Console(OutputFormat format, bool color, bool error_is_terminal, std::ostream& out,
                 std::ostream& error)
    : format_(format),
      color_(color),
      error_is_terminal_(error_is_terminal),
      out_(out),
      error_(error) {}

void Console::Write(absl::string_view text) {
  errno = 0;
  out_ << text << std::flush;
  if (out_.good() || output_errno_ != 0) return;
  output_errno_ = errno == 0 ? EIO : errno;
}

void Console::Result(const nlohmann::json& object, absl::string_view human) {
  if (format_ == OutputFormat::kJson) {
    Write(absl::StrCat(Dump(object), "\n"));
  } else {
    Write(absl::StrCat(Printable(human), human.empty() || human.back() == '\n' ? "" : "\n"));
  }
}

void Console::Text(absl::string_view text) { Write(text); }

void Console::Stream(absl::string_view text) {
  if (format_ == OutputFormat::kHuman) Write(Printable(text));
}

absl::Status Console::OutputError() const {
  if (output_errno_ == 0) return absl::OkStatus();
  const absl::Status status = ErrnoError(output_errno_, "write result to", "standard output");
  const std::string reason = GetErrorReason(status);
  return MakeError(status.code(), reason,
                   {.what = std::string(status.message()),
                    .why = "the work is done, but its result did not arrive",
                    .fix = "give standard output a place that can be written, and repeat"});
}

void Console::Data(absl::string_view bytes) {
  if (format_ == OutputFormat::kJson) return;
  out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out_.flush();
}

void Console::Note(absl::string_view text) {
  if (format_ == OutputFormat::kHuman) error_ << Printable(text) << "\n" << std::flush;
}

void Console::Warn(absl::string_view text) {
  error_ << (color_ ? "\033[33mwarning:\033[0m " : "warning: ") << Printable(text) << "\n"
         << std::flush;
}

void Console::Error(const absl::Status& status) {
  const ErrorDetail detail =
      GetErrorDetail(status).value_or(ErrorDetail{.reason = absl::StatusCodeToString(status.code()),
                                                  .text = {.what = std::string(status.message())}});
  if (format_ == OutputFormat::kJson) {
    error_ << Dump({{"reason", detail.reason},
                    {"message", detail.text.what},
                    {"fix", detail.text.fix}})
           << "\n";
  } else {
    error_ << (color_ ? "\033[31merror" : "error") << "[" << Printable(detail.reason) << "]"
           << (color_ ? "\033[0m" : "") << ": " << Printable(ReplaceInvalidUtf8(detail.text.what))
           << "\n";
    if (!detail.text.why.empty())
      error_ << "  why: " << Printable(ReplaceInvalidUtf8(detail.text.why)) << "\n";
    if (!detail.text.fix.empty())
      error_ << "  fix: " << Printable(ReplaceInvalidUtf8(detail.text.fix)) << "\n";
  }
  error_.flush();
}

Progress::Progress(Console& console, std::string label, int64_t total, std::string unit)
    : console_(console),
      label_(std::move(label)),
      total_(total),
      unit_(std::move(unit)),
      start_(SystemClock().Now()),
      drawn_(start_) {}

Progress::~Progress() { Finish(); }

void Progress::Update(int64_t done, absl::string_view note) {
  done_ = done;
  note_ = std::string(note);
  const absl::Time now = SystemClock().Now();
  if (now - drawn_ >= (console_.error_is_terminal() ? kTerminalPeriod : kLinePeriod))
    Draw(now, /*last=*/false);
}

void Progress::Finish() {
  if (finished_) return;
  finished_ = true;
  Draw(SystemClock().Now(), /*last=*/true);
}

void Progress::Draw(absl::Time now, bool last) {
  if (console_.format() == OutputFormat::kJson) return;
  drawn_ = now;
  const bool bytes = unit_ == "bytes";
  const auto count = [bytes](double value) {
    return bytes ? HumanBytes(static_cast<int64_t>(value)) : HumanCount(value);
  };
  std::string line = absl::StrCat(label_, "  ", count(static_cast<double>(done_)));
  if (total_ > 0) absl::StrAppend(&line, " / ", count(static_cast<double>(total_)));
  if (!bytes) absl::StrAppend(&line, " ", unit_);
  const double seconds = absl::ToDoubleSeconds(now - start_);
  if (seconds > 0 && done_ > 0) {
    const double rate = static_cast<double>(done_) / seconds;
    if (rate >= 0.1) absl::StrAppend(&line, "  ", count(rate), "/s");
    if (last) {
      absl::StrAppend(&line, "  ", HumanDuration(now - start_));
    } else if (total_ > done_) {
      absl::StrAppend(&line, "  ",
                      HumanDuration(absl::Seconds(static_cast<double>(total_ - done_) / rate)),
                      " left");
    }
  }
  if (!note_.empty()) absl::StrAppend(&line, "  ", note_);
  if (console_.error_is_terminal()) {
    console_.error() << "\r\033[K" << line << (last ? "\n" : "") << std::flush;
  } else {
    console_.error() << line << "\n" << std::flush;
  }
}

std::string HumanBytes(int64_t bytes) {
  const double value = static_cast<double>(bytes);
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  if (value < 1e6) return absl::StrFormat("%.1f kB", value / 1e3);
  if (value < 1e9) return absl::StrFormat("%.1f MB", value / 1e6);
  return absl::StrFormat("%.2f GB", value / 1e9);
}

std::string HumanDuration(absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  if (seconds < 10) return absl::StrFormat("%.1f s", seconds);
  const int64_t whole = absl::ToInt64Seconds(duration);
  if (whole < 60) return absl::StrCat(whole, " s");
  if (whole < 3600) return absl::StrCat(whole / 60, " min ", whole % 60, " s");
  return absl::StrCat(whole / 3600, " h ", whole % 3600 / 60, " min");
}

std::string HumanCount(double count) {
  if (count < 10 && count != static_cast<double>(static_cast<int64_t>(count)))
    return absl::StrFormat("%.1f", count);
  if (count < 10000) return absl::StrFormat("%.0f", count);
  if (count < 1e6) return absl::StrFormat("%.1f k", count / 1e3);
  return absl::StrFormat("%.1f M", count / 1e6);
}

}  // namespace kalavai

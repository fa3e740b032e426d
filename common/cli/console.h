// What a command says, and where: its one result on standard output, everything else on standard
// error.
#ifndef KALAVAI_COMMON_CLI_CONSOLE_H_
#define KALAVAI_COMMON_CLI_CONSOLE_H_

#include <cstdint>
#include <iosfwd>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace kalavai {

enum class OutputFormat { kHuman, kJson };

// True once SIGINT or SIGTERM arrived (RunProgram installs the handler). Long loops ask and stop at
// a resumable place with InterruptedError(). Safe from any thread.
bool Interrupted();

// CANCELLED, reason INTERRUPTED: exit code 130. `resume` is what continues the work, e.g. "run the
// same command again".
absl::Status InterruptedError(absl::string_view resume);

// For tests and for servers that end on their own: sets or clears the flag behind Interrupted().
void SetInterrupted(bool interrupted);

// Human text is printed without control characters (U+FFFD in their place; line ends and tabs
// stay): errors of a server and the words of a model must not drive the reader's terminal. JSON
// escapes them. Used by one thread.
class Console {
 public:
  Console(OutputFormat format, bool color, bool error_is_terminal, std::ostream& out,
          std::ostream& error);

  OutputFormat format() const { return format_; }

  // Prints the command's result, once: `object` (bare, two-space indent, invalid UTF-8 replaced)
  // under --format json, else `human` with a line end.
  void Result(const nlohmann::json& object, absl::string_view human);

  // Prints a text that is the result in both formats: a help page, a script. Control characters
  // stay.
  void Text(absl::string_view text);

  // OK, or what the system said (IO_ERROR, DISK_FULL) when a part of the result could not be
  // written to standard output.
  absl::Status OutputError() const;

  // Prints pieces of a streamed result as they come (human format only; ignored under json).
  void Stream(absl::string_view text);

  // Prints a result that is data of a named form (ids, a text), byte for byte, a large one in parts
  // (human format only; ignored under json). What a person reads goes through Result or Stream.
  void Data(absl::string_view bytes);

  // A line for the reader, on standard error: what happens, what comes next. Silent under --format
  // json.
  void Note(absl::string_view text);

  // A line that starts with "warning:", on standard error, in both formats.
  void Warn(absl::string_view text);

  // "error[REASON]: what", "  why: …", "  fix: …"; or {"reason","message","fix"} under json.
  void Error(const absl::Status& status);

  bool error_is_terminal() const { return error_is_terminal_; }
  std::ostream& error() { return error_; }

 private:
  void Write(absl::string_view text);  // all of it, or remembers the error

  const OutputFormat format_;
  const bool color_;
  const bool error_is_terminal_;
  int output_errno_ = 0;
  std::ostream& out_;
  std::ostream& error_;
};

// Progress of long work on standard error: done / total, rate and time left. Redraws one line on a
// terminal; elsewhere prints a line every 10 seconds and one at the end. Silent under --format
// json. Used by one thread.
class Progress {
 public:
  // `label` names the work ("Training"), `unit` what is counted ("steps", "bytes"); total 0 =
  // unknown.
  Progress(Console& console, std::string label, int64_t total, std::string unit);
  ~Progress();  // Finish()
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `note` is appended, e.g. "loss 3.21".
  void Update(int64_t done, absl::string_view note = "");
  void Finish();

 private:
  void Draw(absl::Time now, bool last);

  Console& console_;
  const std::string label_;
  const int64_t total_;
  const std::string unit_;
  const absl::Time start_;
  absl::Time drawn_;
  int64_t done_ = 0;
  std::string note_;
  bool finished_ = false;
};

// "1.4 MB", "2 min 3 s", "12.3 k": for people; JSON carries plain numbers.
std::string HumanBytes(int64_t bytes);
std::string HumanDuration(absl::Duration duration);
std::string HumanCount(double count);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_CONSOLE_H_

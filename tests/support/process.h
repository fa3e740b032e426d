// The real programs as child processes, with their output: for end-to-end tests.
#ifndef KALAVAI_TESTS_SUPPORT_PROCESS_H_
#define KALAVAI_TESTS_SUPPORT_PROCESS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include <sys/types.h>

namespace kalavai::testing {

struct ProcessResult {
  int code = -1;  // exit code; 128 + signal when killed
  std::string out;
  std::string error;
};

// Runs `command` (a path and its arguments) to its end; aborts the test program when it takes
// longer than `limit`.
ProcessResult RunProcess(const std::vector<std::string>& command,
                         absl::Duration limit = absl::Seconds(100));

// A child in the background, its standard error in a file. Killed (SIGKILL) by the destructor.
class BackgroundProcess {
 public:
  BackgroundProcess(const std::vector<std::string>& command, std::string error_file);
  ~BackgroundProcess();
  BackgroundProcess(const BackgroundProcess&) = delete;
  BackgroundProcess& operator=(const BackgroundProcess&) = delete;

  // Waits until the error file holds `text`; false when the child ended, or after `limit`.
  bool WaitForText(const std::string& text, absl::Duration limit = absl::Seconds(30));
  void Signal(int signal);
  int Wait();  // exit code as in ProcessResult

 private:
  pid_t pid_;
  const std::string error_file_;
  int code_ = -1;
};

// A port of 127.0.0.1 that was free a moment ago.
int FreePort();

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_SUPPORT_PROCESS_H_

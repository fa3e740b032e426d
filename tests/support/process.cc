#include "tests/support/process.h"

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "tests/support/temp_dir.h"

namespace kalavai::testing {
namespace {

constexpr absl::Duration kPollPeriod = absl::Milliseconds(20);

// Starts `command` with standard output and error into two files.
pid_t Start(const std::vector<std::string>& command, const std::string& out_file,
            const std::string& error_file) {
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  KALAVAI_CHECK(pid >= 0, "a test must be able to fork");
  if (pid == 0) {
    const int in = open("/dev/null", O_RDONLY);
    const int out = open(out_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int error = open(error_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (in < 0 || out < 0 || error < 0) _exit(127);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(error, STDERR_FILENO);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  return pid;
}

int CodeOf(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

ProcessResult RunProcess(const std::vector<std::string>& command, absl::Duration limit) {
  const TempDir directory;
  const pid_t pid = Start(command, directory.File("out"), directory.File("error"));
  const absl::Time deadline = absl::Now() + limit;
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (absl::Now() > deadline) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      KALAVAI_CHECK(false, "a child process took too long: " + command[0]);
    }
    absl::SleepFor(kPollPeriod);
  }
  return {.code = CodeOf(status),
          .out = ReadFile(directory.File("out")),
          .error = ReadFile(directory.File("error"))};
}

BackgroundProcess::BackgroundProcess(const std::vector<std::string>& command,
                                     std::string error_file)
    : pid_(Start(command, "/dev/null", error_file)), error_file_(std::move(error_file)) {}

BackgroundProcess::~BackgroundProcess() {
  if (code_ < 0) {
    kill(pid_, SIGKILL);
    Wait();
  }
}

bool BackgroundProcess::WaitForText(const std::string& text, absl::Duration limit) {
  const absl::Time deadline = absl::Now() + limit;
  while (absl::Now() < deadline) {
    if (access(error_file_.c_str(), R_OK) == 0 && absl::StrContains(ReadFile(error_file_), text))
      return true;
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      code_ = CodeOf(status);
      return absl::StrContains(ReadFile(error_file_), text);
    }
    absl::SleepFor(kPollPeriod);
  }
  return false;
}

void BackgroundProcess::Signal(int signal) {
  if (code_ < 0) kill(pid_, signal);
}

int BackgroundProcess::Wait() {
  if (code_ < 0) {
    int status = 0;
    waitpid(pid_, &status, 0);
    code_ = CodeOf(status);
  }
  return code_;
}

int FreePort() {
  const int file = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  KALAVAI_CHECK(file >= 0 && bind(file, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                    getsockname(file, reinterpret_cast<sockaddr*>(&address), &size) == 0,
                "a test needs a loopback port");
  close(file);
  return ntohs(address.sin_port);
}

}  // namespace kalavai::testing

#include "coordinator/fusion/pass_processes.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/storage/atomic_file.h"
#include "coordinator/fusion/pass_order.h"

namespace kalavai::coordinator {
namespace {

constexpr int kInterruptedCode = 130;  // the child was told to stop, by whom ever

absl::Status JobFailed(const std::string& name, absl::string_view what) {
  return MakeError(absl::StatusCode::kUnavailable, "PROBE_JOB_FAILED",
                   {.what = absl::StrCat("probe pass ", name, ": its process ", what),
                    .why = "every process holds one model in memory",
                    .fix = "give the machine more memory or the server fewer --probe-jobs; what "
                           "was computed is kept",
                    .metadata = {{"pass", name}}});
}

// The attributes of a child: signals as a shell's child has them.
class Attributes {
 public:
  Attributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

// Where a child's streams go: nothing comes in, its result is a file, its errors are read here.
class Streams {
 public:
  explicit Streams(const std::string& error_path) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, error_path.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
  }
  ~Streams() { posix_spawn_file_actions_destroy(&actions_); }
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class PassProcesses {
 public:
  PassProcesses(const std::vector<std::string>& names, const PassProcessesOptions& options)
      : names_(names), options_(options), attempts_(names.size(), 0) {}

  absl::Status Run() {
    const absl::Status status = RunAll();
    if (!status.ok()) StopAll();
    return status;
  }

 private:
  struct Child {
    pid_t pid;
    size_t index;
  };

  absl::Status RunAll() {
    size_t next = 0;
    while (next < names_.size() || !children_.empty()) {
      if (options_.go_on) RETURN_IF_ERROR(options_.go_on());
      while (next < names_.size() && static_cast<int64_t>(children_.size()) < options_.count) {
        if (options_.on_start) options_.on_start(next);
        RETURN_IF_ERROR(Start(next++));
      }
      never_.WaitForNotificationWithTimeout(absl::Milliseconds(limits::kProbePollMilliseconds));
      RETURN_IF_ERROR(Collect());
    }
    return absl::OkStatus();
  }

  std::string ErrorPath(size_t index) const {
    return absl::StrCat(PassDirectory(options_.data + "/fusions", names_[index]), "/job.log");
  }

  absl::Status Start(size_t index) {
    ++attempts_[index];
    std::vector<std::string> words = {options_.program, "probe",    "run",
                                      names_[index],    "--wait",   "--data",
                                      options_.data,    "--format", "json"};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t pid = 0;
    const int error = posix_spawn(&pid, options_.program.c_str(), Streams(ErrorPath(index)).get(),
                                  Attributes().get(), arguments.data(), environ);
    if (error != 0) {
      const absl::Status why = ErrnoError(error, "start", options_.program);
      return JobFailed(names_[index], absl::StrCat("could not be started: ", why.message()));
    }
    LogInfo("Started probe job", {{"pass", names_[index]}, {"process", absl::StrCat(pid)}});
    children_.push_back({pid, index});
    return absl::OkStatus();
  }

  absl::Status Collect() {
    const std::vector<Child> children = std::exchange(children_, {});
    absl::Status first;
    for (const Child& child : children) {
      int code = 0;
      const pid_t ended = waitpid(child.pid, &code, WNOHANG);
      if (ended == 0 || (ended < 0 && errno == EINTR)) {
        children_.push_back(child);
        continue;
      }
      const absl::Status status =
          ended < 0 ? ErrnoError(errno, "wait for", names_[child.index]) : Ended(child.index, code);
      if (first.ok()) first = status;
    }
    return first;
  }

  absl::Status Ended(size_t index, int code) {
    if (WIFEXITED(code) && WEXITSTATUS(code) == 0) {
      return options_.on_end ? options_.on_end(index) : absl::OkStatus();
    }
    const bool killed = WIFSIGNALED(code) || WEXITSTATUS(code) == kInterruptedCode;
    if (!killed) return Failure(index, WEXITSTATUS(code));
    const std::string how = WIFSIGNALED(code) ? absl::StrCat("was ended by signal ", WTERMSIG(code))
                                              : "was interrupted";
    if (attempts_[index] >= limits::kProbeJobAttempts) {
      return JobFailed(names_[index], absl::StrCat(how, " in each of ", attempts_[index], " runs"));
    }
    LogWarning("Repeated probe job", {{"pass", names_[index]}, {"because", "it " + how}});
    return Start(index);
  }

  // What the child said on its standard error: one object, perhaps after warnings.
  absl::Status Failure(size_t index, int code) const {
    const absl::StatusOr<std::string> text = ReadFileBounded(ErrorPath(index), limits::kMiB);
    const size_t at = text.ok() ? text->rfind("{\n") : std::string::npos;
    if (at != std::string::npos) {
      const absl::StatusOr<nlohmann::json> said = ReadJson(absl::string_view(*text).substr(at));
      const auto field = [&](const char* name) -> std::string {
        if (!said.ok()) return "";
        return JsonString(*said, name).value_or("");
      };
      if (!field("reason").empty()) {
        return MakeError(
            absl::StatusCode::kFailedPrecondition, field("reason"),
            {.what = absl::StrCat("probe pass ", names_[index], ": ", field("message")),
             .fix = field("fix"),
             .metadata = {{"pass", names_[index]}}});
      }
    }
    return JobFailed(names_[index], absl::StrCat("ended with code ", code, " and no reason"));
  }

  void StopAll() {
    for (const Child& child : children_) kill(child.pid, SIGTERM);
    const Deadline deadline(absl::Seconds(limits::kDrainSeconds));
    bool killed = false;
    for (size_t i = 0; i < children_.size();) {
      const pid_t ended = waitpid(children_[i].pid, nullptr, WNOHANG);
      if (ended > 0 || (ended < 0 && errno != EINTR)) {
        ++i;
        continue;
      }
      if (!killed && deadline.Passed()) {
        killed = true;
        for (size_t k = i; k < children_.size(); ++k) kill(children_[k].pid, SIGKILL);
      }
      never_.WaitForNotificationWithTimeout(absl::Milliseconds(limits::kProbePollMilliseconds));
    }
    children_.clear();
  }

  const std::vector<std::string>& names_;
  const PassProcessesOptions& options_;
  std::vector<int64_t> attempts_;
  std::vector<Child> children_;
  const absl::Notification never_;  // the end of a child is looked at, as serve looks at signals
};

}  // namespace

absl::Status RunPassProcesses(const std::vector<std::string>& names,
                              const PassProcessesOptions& options) {
  return PassProcesses(names, options).Run();
}

}  // namespace kalavai::coordinator

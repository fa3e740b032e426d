// A cooperative of real programs on real text: two domains, a base of its own, members who train
// specialists of some ten megabytes. For tests that kill processes.
#ifndef KALAVAI_TESTS_END_TO_END_SMALL_COOPERATIVE_H_
#define KALAVAI_TESTS_END_TO_END_SMALL_COOPERATIVE_H_

#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace kalavai {

namespace fs = std::filesystem;
using testing::BackgroundProcess;
using testing::ProcessResult;

inline std::string Program(const std::string& name) {
  return absl::StrCat(KALAVAI_PROGRAMS, "/", name);
}

inline void RequireDone(const ProcessResult& result) {
  INFO(result.out);
  INFO(result.error);
  REQUIRE(result.code == 0);
}

// Files of the project with this ending under a folder, as text.
inline std::string TextOf(const std::string& folder, const std::string& ending) {
  std::string text;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(KALAVAI_SOURCE_DIR) / folder)) {
    if (entry.path().extension() == ending) {
      absl::StrAppend(&text, testing::ReadFile(entry.path().string()), "\n\n");
    }
  }
  return text;
}

inline int64_t BytesUnder(const std::string& directory) {
  int64_t bytes = 0;
  std::error_code ignored;
  for (fs::recursive_directory_iterator it(directory, ignored), end; it != end;
       it.increment(ignored)) {
    const auto size = it->file_size(ignored);
    if (!ignored) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

// Polls what another process does; false after half a minute.
inline bool Becomes(const std::function<bool()>& condition) {
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (!condition()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

class Site {
 public:
  Site() {
    testing::WriteFile(File("code.txt"),
                       TextOf("common/storage", ".h") + TextOf("common/crypto", ".h"));
    testing::WriteFile(File("prose.txt"), TextOf("docs", ".md"));
    RequireDone(Coordinator(
        {"base",         "pretrain", "--out",          File("base"), "--text",   File("code.txt"),
         "--vocabulary", "400",      "--hidden",       "256",        "--layers", "3",
         "--heads",      "4",        "--chunk-tokens", "32",         "--steps",  "3",
         "--batch",      "4",        "--threads",      "1"}));
    RequireDone(Coordinator({"init", "--data", File("data")}));
    Serve();
    RequireDone(Admin({"coop", "create", "--cooperative", "c", "--domains", "code,prose",
                       "--chunk-tokens", "32"}));
    RequireDone(Admin({"base", "import", "--cooperative", "c", File("base")}));
    for (const std::string domain : {"code", "prose"}) {
      // Enough for both parts and little to compute.
      const std::string text = testing::ReadFile(File(domain + ".txt")).substr(0, 20'000);
      testing::WriteFile(File(domain + "-probe.txt"), text);
      RequireDone(Admin({"coop", "probe", "add", "--cooperative", "c", "--domain", domain, "--file",
                         File(domain + "-probe.txt")}));
    }
    RequireDone(Admin({"coop", "launch", "--cooperative", "c"}));
  }

  void Serve(const std::vector<std::string>& options = {}) {
    std::vector<std::string> command = {Program("kalavai-coordinator"),
                                        "serve",
                                        "--data",
                                        File("data"),
                                        "--listen",
                                        Address(port_),
                                        "--enroll-listen",
                                        Address(enroll_port_),
                                        "--threads",
                                        "1"};
    command.insert(command.end(), options.begin(), options.end());
    server_.emplace(command, LogFile(++starts_));
    REQUIRE(server_->WaitForText("Started coordinator"));
  }
  void Kill() {
    server_->Signal(SIGKILL);
    CHECK(server_->Wait() == 128 + SIGKILL);
    server_.reset();
  }
  void Stop() {
    server_->Signal(SIGTERM);
    CHECK(server_->Wait() == 0);
    server_.reset();
  }

  void Join(const std::string& id, const std::string& domain, const std::string& seed) {
    const ProcessResult invitation =
        Admin({"invite", "--cooperative", "c", "--contributor", id, "--domain", domain});
    RequireDone(invitation);
    const std::vector<std::string> lines = absl::StrSplit(invitation.out, '\n', absl::SkipEmpty());
    RequireDone(Member(id, {"join", lines.back()}));
    RequireDone(Member(id, {"fetch"}));
    RequireDone(Member(id, {"train", "--data", File(domain + ".txt"), "--steps", "4", "--batch",
                            "4", "--threads", "1", "--learning-rate", "2e-3", "--seed", seed}));
  }

  ProcessResult Coordinator(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), Program("kalavai-coordinator"));
    return testing::RunProcess(arguments);
  }
  ProcessResult Admin(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--data", File("data")});
    return Coordinator(arguments);
  }
  std::vector<std::string> MemberCommand(const std::string& id,
                                         std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), Program("kalavai"));
    arguments.insert(arguments.end(), {"--workspace", File(id)});
    return arguments;
  }
  ProcessResult Member(const std::string& id, const std::vector<std::string>& arguments) const {
    return testing::RunProcess(MemberCommand(id, arguments));
  }
  std::string LogFile(int start) const { return File(absl::StrCat("log-", start)); }
  int starts() const { return starts_; }
  int64_t StagingBytes() const { return BytesUnder(File("data/blobs/staging")); }

  static std::string Address(int port) { return absl::StrCat("127.0.0.1:", port); }
  std::string File(const std::string& name) const { return directory_.File(name); }

 private:
  testing::TempDir directory_;
  const int port_ = testing::FreePort();
  const int enroll_port_ = testing::FreePort();
  int starts_ = 0;  // a log file a start
  std::optional<BackgroundProcess> server_;
};

}  // namespace kalavai

#endif  // KALAVAI_TESTS_END_TO_END_SMALL_COOPERATIVE_H_

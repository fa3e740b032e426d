// Goal: what a person does wrong is answered with what, why and what to do, with the exit code of
// its class, and leaves nothing half-written. Method: one running coordinator with a tiny base;
// then the mistakes, one after the other, through the real programs.
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

namespace fs = std::filesystem;
using testing::ProcessResult;

ProcessResult Run(const std::string& program, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), absl::StrCat(KALAVAI_PROGRAMS, "/", program));
  return testing::RunProcess(arguments);
}

void RequireDone(const ProcessResult& result) {
  INFO(result.out);
  INFO(result.error);
  REQUIRE(result.code == 0);
}

// A refusal: nothing on standard output, the reason and a fix on standard error.
void RequireRefused(const ProcessResult& result, int code, const std::string& reason,
                    const std::string& words = "") {
  INFO(result.out);
  INFO(result.error);
  REQUIRE(result.code == code);
  CHECK(result.out.empty());
  CHECK(absl::StrContains(result.error, absl::StrCat("error[", reason, "]")));
  CHECK(absl::StrContains(result.error, "fix: "));
  CHECK(absl::StrContains(result.error, words));
}

// This project's own headers, as text.
std::string SomeText() {
  std::string text;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(KALAVAI_SOURCE_DIR) / "common")) {
    if (entry.path().extension() == ".h")
      absl::StrAppend(&text, testing::ReadFile(entry.path().string()), "\n\n");
  }
  return text;
}

std::string LastLine(const std::string& text) {
  const std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  return lines.empty() ? "" : lines.back();
}

// A launched cooperative with a tiny base and one invitation.
class Site {
 public:
  Site() : data_(directory_.File("coordinator")), text_(directory_.File("text.txt")) {
    testing::WriteFile(text_, SomeText());
    RequireDone(
        Coordinator({"base",         "pretrain", "--out",          File("base"), "--text",   text_,
                     "--vocabulary", "300",      "--hidden",       "32",         "--layers", "1",
                     "--heads",      "2",        "--chunk-tokens", "64",         "--steps",  "5",
                     "--batch",      "4",        "--threads",      "1"}));
    RequireDone(Coordinator({"init", "--data", data_}));
    Serve();
    RequireDone(Admin({"coop", "create", "--cooperative", "c", "--domains", "code,prose",
                       "--chunk-tokens", "64"}));
  }

  void Serve() {
    server_.emplace(
        std::vector<std::string>{absl::StrCat(KALAVAI_PROGRAMS, "/kalavai-coordinator"), "serve",
                                 "--data", data_, "--listen", Address(port_), "--enroll-listen",
                                 Address(enroll_port_), "--threads", "1"},
        directory_.File(absl::StrCat("log-", ++starts_)));
    REQUIRE(server_->WaitForText("Started coordinator"));
  }
  void Stop() {
    server_->Signal(SIGTERM);
    CHECK(server_->Wait() == 0);
  }
  void Launch() {
    RequireDone(Admin({"base", "import", "--cooperative", "c", File("base")}));
    RequireDone(Admin({"coop", "launch", "--cooperative", "c"}));
  }
  std::string Invite(const std::string& contributor) {
    const ProcessResult invitation =
        Admin({"invite", "--cooperative", "c", "--contributor", contributor, "--domain", "code"});
    RequireDone(invitation);
    return LastLine(invitation.out);
  }

  ProcessResult Coordinator(std::vector<std::string> arguments) {
    return Run("kalavai-coordinator", arguments);
  }
  ProcessResult Admin(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--data", data_});
    return Coordinator(arguments);
  }
  ProcessResult Member(std::vector<std::string> arguments, const std::string& workspace = "alice") {
    arguments.insert(arguments.end(), {"--workspace", File(workspace)});
    return Run("kalavai", arguments);
  }

  static std::string Address(int port) { return absl::StrCat("127.0.0.1:", port); }
  std::string File(const std::string& name) const { return directory_.File(name); }
  const std::string& data() const { return data_; }
  const std::string& text() const { return text_; }
  int port() const { return port_; }
  int enroll_port() const { return enroll_port_; }

 private:
  testing::TempDir directory_;
  const std::string data_;
  const std::string text_;
  const int port_ = testing::FreePort();
  const int enroll_port_ = testing::FreePort();
  int starts_ = 0;  // a log file a start
  std::optional<testing::BackgroundProcess> server_;
};

TEST_CASE("Mistakes of a launcher are refused with reason and fix", "[end_to_end]") {
  Site site;
  RequireRefused(site.Coordinator({"init", "--data", site.data()}), 1, "DATA_DIRECTORY_EXISTS");
  RequireRefused(site.Coordinator({"serve", "--data", site.data(), "--listen",
                                   Site::Address(testing::FreePort())}),
                 3, "DATABASE_BUSY", "another server");
  RequireDone(site.Coordinator({"init", "--data", site.File("other")}));
  RequireRefused(site.Coordinator({"serve", "--data", site.File("other"), "--listen",
                                   Site::Address(site.port()), "--enroll-listen",
                                   Site::Address(testing::FreePort())}),
                 1, "PORT_IN_USE", std::to_string(site.port()));
  RequireRefused(site.Admin({"coop", "launch", "--cooperative", "c"}), 1,
                 "BASE_CHECKPOINT_MISSING");
  RequireRefused(
      site.Admin({"invite", "--cooperative", "c", "--contributor", "a", "--domain", "code"}), 1,
      "PHASE_MISMATCH");
  RequireRefused(site.Admin({"base", "import", "--cooperative", "c", site.File("absent")}), 1,
                 "FILE_NOT_FOUND");
  RequireRefused(site.Admin({"coop", "create", "--cooperative", "c", "--domains", "x"}), 1,
                 "COOPERATIVE_EXISTS");
  RequireRefused(site.Admin({"coop", "create", "--cooperative", "No_Id", "--domains", "x"}), 1,
                 "NAME_INVALID");
  RequireRefused(site.Admin({"coop", "show", "--coperative", "c"}), 2, "USAGE", "--cooperative");
  testing::WriteFile(site.File("latin1.txt"), "caf\xe9 au lait\n");
  RequireRefused(site.Admin({"coop", "probe", "add", "--cooperative", "c", "--domain", "code",
                             "--file", site.File("latin1.txt")}),
                 1, "TEXT_NOT_UTF8", "3");
  RequireRefused(site.Admin({"coop", "probe", "add", "--cooperative", "c", "--domain", "law",
                             "--file", site.text()}),
                 1, "DOMAIN_UNKNOWN");
  site.Launch();
  RequireRefused(site.Admin({"fuse", "--cooperative", "c"}), 1, "NOT_ENOUGH_SPECIALISTS");
  RequireRefused(site.Admin({"base", "import", "--cooperative", "c", site.File("base")}), 1,
                 "PHASE_MISMATCH");
  site.Stop();
  RequireRefused(site.Admin({"coop", "show"}), 3, "COORDINATOR_UNREACHABLE",
                 Site::Address(site.port()));
}

TEST_CASE("Mistakes of a member are refused and leave nothing half-written", "[end_to_end]") {
  Site site;
  site.Launch();
  const std::string code = site.Invite("alice");
  RequireRefused(site.Member({"status"}, "nobody"), 1, "NOT_JOINED", "kalavai join");
  RequireRefused(site.Member({"join", "kalavai1-nonsense"}), 1, "INVITATION_INVALID");
  CHECK_FALSE(fs::exists(site.File("alice/member.json")));
  site.Stop();
  RequireRefused(site.Member({"join", code}), 3, "COORDINATOR_UNREACHABLE");
  CHECK_FALSE(fs::exists(site.File("alice/member.json")));
  site.Serve();
  RequireDone(site.Member({"join", code}));
  RequireRefused(site.Member({"join", code}), 1, "ALREADY_JOINED");
  RequireRefused(site.Member({"join", code}, "thief"), 1, "INVITATION_INVALID");
  CHECK_FALSE(fs::exists(site.File("thief/member.json")));
  RequireRefused(site.Member({"train", "--data", site.text()}), 1, "CHECKPOINT_NOT_FETCHED",
                 "kalavai fetch");
  RequireDone(site.Member({"fetch"}));

  testing::WriteFile(site.File("latin1.txt"), std::string(5000, 'a') + "\xe9");
  RequireRefused(site.Member({"train", "--data", site.File("latin1.txt")}), 1, "TEXT_NOT_UTF8",
                 "5000");
  testing::WriteFile(site.File("short.txt"), "too short");
  RequireRefused(site.Member({"train", "--data", site.File("short.txt")}), 1, "TOO_LITTLE_TEXT");
  RequireRefused(site.Member({"train", "--data", site.File("absent.txt")}), 1, "FILE_NOT_FOUND");
  RequireRefused(site.Member({"submit"}), 1, "NOT_TRAINED", "kalavai train");

  // One bit of the base: training from it is refused, and fetching it again mends it.
  const std::string weights = site.File("alice/base/model.safetensors");
  std::string bytes = testing::ReadFile(weights);
  bytes[bytes.size() - 1] = static_cast<char>(bytes[bytes.size() - 1] ^ 1);
  fs::permissions(weights, fs::perms::owner_all);
  testing::WriteFile(weights, bytes);
  RequireRefused(site.Member({"train", "--data", site.text(), "--steps", "4"}), 1, "BASE_MISMATCH",
                 "kalavai fetch");
  CHECK_FALSE(fs::exists(site.File("alice/specialist/model.safetensors")));
  RequireDone(site.Member({"fetch"}));
  RequireDone(site.Member({"train", "--data", site.text(), "--steps", "4", "--batch", "4",
                           "--threads", "1", "--learning-rate", "2e-3"}));

  site.Stop();
  RequireRefused(site.Member({"submit"}), 3, "COORDINATOR_UNREACHABLE");
  site.Serve();
  RequireDone(site.Member({"submit"}));
  const ProcessResult json = site.Member({"status", "--format", "json"});
  RequireDone(json);
  CHECK(absl::StrContains(json.out, "ADMITTED"));
  RequireRefused(site.Member({"ask", "hello"}), 1, "MODEL_NOT_FOUND");
}

}  // namespace
}  // namespace kalavai

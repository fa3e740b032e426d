// Goal: passes run in as many processes as asked for; a killed one runs again, a refused one hands
// its reason on, and all end before an error is returned. Method: scripts in place of the program,
// which write down what they were told.
#include "coordinator/fusion/pass_processes.h"

#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/limits.h"
#include "coordinator/fusion/pass_order.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::coordinator {
namespace {

namespace fs = std::filesystem;

struct Ground {
  testing::TempDir temp;
  std::string data = temp.File("data");
  std::string program = temp.File("program");
  std::vector<std::string> names;
  std::vector<size_t> started;
  std::set<size_t> ended;

  // $3 is the pass; $D the data directory.
  Ground(const std::string& script, size_t passes) {
    testing::WriteFile(program, absl::StrCat("#!/bin/sh\nD=", data, "\n", script, "\n"));
    fs::permissions(program, fs::perms::owner_all);
    for (size_t i = 0; i < passes; ++i) {
      names.push_back(absl::StrCat("pass-", i));
      fs::create_directories(PassDirectory(data + "/fusions", names.back()));
    }
  }

  absl::Status Run(int64_t count, const std::function<absl::Status()>& go_on = {}) {
    return RunPassProcesses(names, {.program = program,
                                    .data = data,
                                    .count = count,
                                    .go_on = go_on,
                                    .on_start = [this](size_t i) { started.push_back(i); },
                                    .on_end = [this](size_t i) -> absl::Status {
                                      ended.insert(i);
                                      return absl::OkStatus();
                                    }});
  }
  std::string Said(const std::string& file) const { return testing::ReadFile(data + "/" + file); }
};

TEST_CASE("Every pass is told its name, and as many run at once as asked for", "[fusion]") {
  // Both of the first two wait for each other.
  Ground ground(
      "echo \"$*\" > $D/said-$3\nif [ $3 = pass-2 ]; then exit 0; fi\n"
      "until [ -e $D/said-pass-0 ] && [ -e $D/said-pass-1 ]; do sleep 0.01; done",
      3);
  REQUIRE_OK(ground.Run(2));
  CHECK(ground.started == std::vector<size_t>{0, 1, 2});
  CHECK(ground.ended == std::set<size_t>{0, 1, 2});
  CHECK(ground.Said("said-pass-1") ==
        absl::StrCat("probe run pass-1 --wait --data ", ground.data, " --format json\n"));
}

TEST_CASE("A killed process runs again, a few times", "[fusion]") {
  const std::string count = "echo x >> $D/runs-$3\n";
  for (const std::string& death : {std::string("kill -9 $$"), std::string("exit 130")}) {
    INFO(death);
    Ground once(count + "[ $(wc -l < $D/runs-$3) = 2 ] || " + death, 1);
    REQUIRE_OK(once.Run(1));
    CHECK(once.started.size() == 1);
    CHECK(once.Said("runs-pass-0") == "x\nx\n");

    Ground always(count + death, 1);
    REQUIRE_STATUS(always.Run(1), absl::StatusCode::kUnavailable, "PROBE_JOB_FAILED");
    CHECK(static_cast<int64_t>(always.Said("runs-pass-0").size()) == 2 * limits::kProbeJobAttempts);
    CHECK(always.ended.empty());
  }
}

TEST_CASE("A process that refuses hands its reason on", "[fusion]") {
  Ground ground(
      "echo 'warning: {' >&2\nprintf '{\\n  \"fix\": \"rest\",\\n  \"message\": \"no\",\\n"
      "  \"reason\": \"WEIGHTS_NOT_FINITE\"\\n}\\n' >&2\nexit 1",
      1);
  const absl::Status status = ground.Run(1);
  REQUIRE_STATUS(status, absl::StatusCode::kFailedPrecondition, "WEIGHTS_NOT_FINITE");
  CHECK(status.message() == "probe pass pass-0: no");
}

TEST_CASE("A process that says nothing, or cannot be started, has failed", "[fusion]") {
  for (const std::string& script : {std::string("exit 1"), std::string("echo '{' >&2; exit 2"),
                                    std::string("echo '{\n\"reason\":5}' >&2; exit 1")}) {
    INFO(script);
    Ground ground(script, 1);
    REQUIRE_STATUS(ground.Run(1), absl::StatusCode::kUnavailable, "PROBE_JOB_FAILED");
  }
  Ground missing("", 1);
  fs::remove(missing.program);
  REQUIRE_STATUS(missing.Run(1), absl::StatusCode::kUnavailable, "PROBE_JOB_FAILED");
}

TEST_CASE("When it may not go on, every process has ended before that is said", "[fusion]") {
  Ground ground(
      "trap 'echo stopped > $D/end-$3; exit 130' TERM\necho x > $D/up-$3\n"
      "while :; do sleep 0.01; done",
      3);
  const auto go_on = [&]() -> absl::Status {
    const bool up =
        fs::exists(ground.data + "/up-pass-0") && fs::exists(ground.data + "/up-pass-1");
    return up ? absl::AbortedError("enough") : absl::OkStatus();
  };
  CHECK(absl::IsAborted(ground.Run(2, go_on)));
  CHECK(ground.Said("end-pass-0") == "stopped\n");
  CHECK(ground.Said("end-pass-1") == "stopped\n");
  CHECK(ground.started == std::vector<size_t>{0, 1});

  // What a good end leads to may be bad: the others stop as well.
  Ground refused(
      "if [ $3 = pass-0 ]; then exit 0; fi\n"
      "trap 'echo stopped > $D/end-$3; exit 130' TERM\nwhile :; do sleep 0.01; done",
      2);
  CHECK(absl::IsDataLoss(RunPassProcesses(refused.names, {.program = refused.program,
                                                          .data = refused.data,
                                                          .count = 2,
                                                          .on_end = [](size_t) -> absl::Status {
                                                            return absl::DataLossError("bad");
                                                          }})));
}

}  // namespace
}  // namespace kalavai::coordinator

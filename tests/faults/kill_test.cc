// Goal: kill -9 at any point loses nothing that was acknowledged. Method: a child process uploads
// and is killed before and after each of its file calls in turn, between the blob's rename and the
// row's commit among them; what it had promised through a pipe is looked for, and the same work is
// done to its end.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/faults/upload_scenario.h"
#include "tests/support/catch.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using testing::CheckPromises;
using testing::Fault;
using testing::FaultKind;
using testing::FaultyFileSystem;
using testing::Promise;
using testing::PromiseKind;
using testing::RunUploads;
using testing::TempDir;

[[noreturn]] void RunChild(const std::string& directory, const Fault& fault, int pipe_end) {
  bool ok = false;
  {
    const FaultyFileSystem faults(directory, fault);
    const auto tell = [&](const Promise& promise) {
      if (write(pipe_end, &promise, sizeof promise) != sizeof promise) _exit(3);
    };
    ok = RunUploads(directory, tell).ok();
  }
  _exit(ok ? 0 : 2);
}

struct Ending {
  bool killed = false;
  std::vector<Promise> promises = {};
};

Ending UploadInChild(const std::string& directory, const Fault& fault) {
  int ends[2] = {-1, -1};
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) RunChild(directory, fault, ends[1]);
  close(ends[1]);
  Ending ending;
  Promise promise;
  while (read(ends[0], &promise, sizeof promise) == sizeof promise) {
    ending.promises.push_back(promise);
  }
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  ending.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (!ending.killed) REQUIRE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  return ending;
}

TEST_CASE("A coordinator killed at any file call keeps every promise", "[faults]") {
  for (const FaultKind kind : {FaultKind::kKillBefore, FaultKind::kKillAfter}) {
    int64_t call = 1;
    for (;; ++call) {
      const TempDir dir;
      const Ending ending = UploadInChild(dir.path(), {.call = call, .kind = kind});
      INFO("killed at call " << call << " after " << ending.promises.size() << " promises");
      CheckPromises(dir.path(), ending.promises);
      std::vector<Promise> promises = ending.promises;
      REQUIRE_OK(RunUploads(dir.path(), [&](const Promise& p) { promises.push_back(p); }));
      CheckPromises(dir.path(), promises);
      if (!ending.killed) break;
    }
    CHECK(call > 60);
  }
}

TEST_CASE("A coordinator killed again and again gets to its end", "[faults]") {
  const TempDir dir;
  std::vector<Promise> promises;
  bool killed = true;
  int runs = 0;
  for (int64_t call = 20; killed; call += 7) {
    const Ending ending = UploadInChild(dir.path(), {.call = call, .kind = FaultKind::kKillAfter});
    killed = ending.killed;
    promises.insert(promises.end(), ending.promises.begin(), ending.promises.end());
    CheckPromises(dir.path(), promises);
    ++runs;
  }
  CHECK(runs > 2);
  const auto held = std::count_if(promises.begin(), promises.end(), [](const Promise& promise) {
    return promise.kind == PromiseKind::kHeld;
  });
  CHECK(held == 2);
}

}  // namespace
}  // namespace kalavai

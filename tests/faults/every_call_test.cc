// Goal: the fault tests test something. Method: the injected faults are looked for where our code
// and SQLite make their calls, and the crash model is tried on sequences whose outcome is known.
#include "tests/faults/every_call.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/errors.h"
#include "common/storage/atomic_file.h"
#include "common/storage/sqlite.h"
#include "tests/support/catch.h"
#include "tests/support/crash_image.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using testing::CrashLoss;
using testing::FaultyFileSystem;
using testing::TempDir;

TEST_CASE("Calls are counted below the directory, and made by SQLite as well", "[faults]") {
  const TempDir dir;
  const TempDir elsewhere;
  FaultyFileSystem faults(dir.path());
  REQUIRE_OK(WriteFileAtomically(elsewhere.File("a"), "abc"));
  CHECK(faults.calls() == 0);
  REQUIRE_OK(WriteFileAtomically(dir.File("a"), "abc"));
  const int64_t ours = faults.calls();
  CHECK(ours >= 7);  // mkostemp, write, fchmod, fsync, rename, open, fsync
  REQUIRE_OK(Database::Open(dir.File("a.db")));
  const auto wrote_log = [](const testing::FileCall& call) {
    return call.kind == testing::FileCall::Kind::kWrite && call.path.ends_with("a.db-wal");
  };
  const auto synced_log = [](const testing::FileCall& call) {
    return call.kind == testing::FileCall::Kind::kSync && call.path.ends_with("a.db-wal");
  };
  CHECK(std::any_of(faults.history().begin(), faults.history().end(), wrote_log));
  CHECK(std::any_of(faults.history().begin(), faults.history().end(), synced_log));
}

TEST_CASE("The chosen call fails, once or from then on, or is cut short", "[faults]") {
  const TempDir dir;
  const int file = open(dir.File("a").c_str(), O_CREAT | O_WRONLY, 0600);
  {
    FaultyFileSystem faults(dir.path(), {.call = 2, .error = ENOSPC});
    CHECK(write(file, "ab", 2) == 2);
    CHECK(write(file, "ab", 2) == -1);
    CHECK(errno == ENOSPC);
    CHECK(faults.fired());
    CHECK(write(file, "ab", 2) == 2);
  }
  {
    const FaultyFileSystem faults(dir.path(), {.call = 1, .error = EIO, .persistent = true});
    CHECK(fsync(file) == -1);
    CHECK(fsync(file) == -1);
    CHECK(rename(dir.File("a").c_str(), dir.File("b").c_str()) == -1);
  }
  {
    const FaultyFileSystem faults(dir.path(), {.call = 1, .kind = testing::FaultKind::kShortWrite});
    CHECK(write(file, "abcd", 4) == 2);
    CHECK(write(file, "cd", 2) == 2);
  }
  close(file);
  CHECK(testing::ReadFile(dir.File("a")) == "abababcd");
}

TEST_CASE("The chosen call kills the process", "[faults]") {
  const TempDir dir;
  const pid_t child = fork();
  if (child == 0) {
    const FaultyFileSystem faults(dir.path(), {.call = 1, .kind = testing::FaultKind::kKillAfter});
    mkdir(dir.File("made").c_str(), 0700);
    mkdir(dir.File("never").c_str(), 0700);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
  CHECK(std::filesystem::exists(dir.File("made")));
  CHECK_FALSE(std::filesystem::exists(dir.File("never")));
}

// What a reader finds of path "b" after power is lost at the end of `script`.
std::string AfterCrash(CrashLoss loss, bool sync_file, bool sync_directory) {
  const TempDir dir;
  const TempDir images;
  FaultyFileSystem recorder(dir.path());
  const int file = open(dir.File("a").c_str(), O_CREAT | O_WRONLY, 0600);
  static_cast<void>(!write(file, "abc", 3));
  if (sync_file) fsync(file);
  close(file);
  rename(dir.File("a").c_str(), dir.File("b").c_str());
  if (sync_directory) REQUIRE_OK(SyncDirectory(dir.path()));
  recorder.Disarm();
  testing::WriteCrashImage(recorder.history(), recorder.history().size(), dir.path(), loss, 0,
                           images.File("image"));
  const std::string path = images.File("image/b");
  return std::filesystem::exists(path) ? testing::ReadFile(path) : "absent";
}

TEST_CASE("A lost disk keeps what was synced and nothing else", "[faults]") {
  for (const CrashLoss loss : {CrashLoss::kNothing, CrashLoss::kEverything, CrashLoss::kData,
                               CrashLoss::kNames, CrashLoss::kRandom}) {
    CHECK(AfterCrash(loss, true, true) == "abc");
  }
  CHECK(AfterCrash(CrashLoss::kNothing, false, false) == "abc");
  CHECK(AfterCrash(CrashLoss::kEverything, true, false) == "absent");
  CHECK(AfterCrash(CrashLoss::kData, false, true).empty());
  CHECK(AfterCrash(CrashLoss::kEverything, false, true).empty());
  CHECK(AfterCrash(CrashLoss::kNames, true, false) == "absent");
}

}  // namespace
}  // namespace kalavai

// Goal: one holder at a time, in this process and among processes; the file says who; a lock goes
// with its process. Method: temporary files, a child that is killed while it holds one.
#include "common/storage/file_lock.h"

#include <csignal>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

TEST_CASE("A lock keeps a second one out until it goes", "[storage]") {
  const testing::TempDir directory;
  const std::string path = directory.File("lock");
  CHECK_FALSE(FileLock::IsHeld(path).value());
  {
    REQUIRE_OK_AND_ASSIGN(const std::optional<FileLock> first, FileLock::Try(path));
    REQUIRE(first.has_value());
    CHECK(FileLock::IsHeld(path).value());
    CHECK_FALSE(FileLock::Try(path).value().has_value());
    CHECK(absl::EndsWith(FileLock::HolderOf(path), absl::StrCat(", process ", getpid())));
  }
  CHECK_FALSE(FileLock::IsHeld(path).value());
  CHECK(FileLock::Try(path).value().has_value());
}

TEST_CASE("A lock goes with the process that is killed", "[storage]") {
  const testing::TempDir directory;
  const std::string path = directory.File("lock");
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = FileLock::Try(path);
    const char byte = lock.ok() && lock->has_value() ? 'y' : 'n';
    if (write(ready[1], &byte, 1) == 1) pause();
    _exit(1);
  }
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  CHECK(byte == 'y');
  CHECK_FALSE(FileLock::Try(path).value().has_value());
  CHECK(absl::EndsWith(FileLock::HolderOf(path), absl::StrCat(", process ", child)));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK(FileLock::Try(path).value().has_value());
  close(ready[0]);
  close(ready[1]);
}

TEST_CASE("Who looks keeps nobody out, and looks of others are no holders", "[storage]") {
  const testing::TempDir directory;
  const std::string path = directory.File("lock");
  REQUIRE(FileLock::Try(path).value().has_value());
  // A look that lasts: as IsHeld takes it.
  const int look = open(path.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(flock(look, LOCK_SH) == 0);
  CHECK_FALSE(FileLock::IsHeld(path).value());
  close(look);

  const pid_t child = fork();
  if (child == 0) {
    for (;;) static_cast<void>(FileLock::IsHeld(path).ok());
  }
  int refused = 0;
  for (int i = 0; i < 500; ++i) refused += FileLock::Try(path).value().has_value() ? 0 : 1;
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK(refused == 0);
}

TEST_CASE("A lock file that says nothing, or something else, is no error", "[storage]") {
  const testing::TempDir directory;
  const std::string path = directory.File("lock");
  CHECK(FileLock::HolderOf(path) == "an unknown process");
  for (const std::string& text : {std::string(), std::string("\n"), std::string(4096, 'x')}) {
    testing::WriteFile(path, text);
    CHECK(FileLock::HolderOf(path) == "an unknown process");
  }
  testing::WriteFile(path, "a\x1b[31mb\n");
  CHECK(FileLock::HolderOf(path) == "a [31mb");
  testing::WriteFile(path, std::string(400, 'x'));
  REQUIRE(FileLock::Try(path).value().has_value());  // a longer text is replaced whole
  CHECK(absl::EndsWith(FileLock::HolderOf(path), absl::StrCat(", process ", getpid())));
  REQUIRE_STATUS(FileLock::Try(directory.File("none/lock")), absl::StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
}

}  // namespace
}  // namespace kalavai

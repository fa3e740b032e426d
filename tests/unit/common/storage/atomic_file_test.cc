// Goal: a file is either the old content or the new one, and foreign files are read within bounds.
// Method: real files in a temporary directory; modes, leftovers and refusals are looked at after
// each call, failures are provoked by paths that cannot be written.
#include "common/storage/atomic_file.h"

#include <filesystem>
#include <string>

#include <sys/stat.h>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using absl::StatusCode;
using testing::ReadFile;
using testing::TempDir;
using testing::WriteFile;

mode_t ModeOf(const std::string& path) {
  struct stat info = {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

int64_t CountEntries(const std::string& path) {
  int64_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path)) ++count;
  return count;
}

TEST_CASE("A written file has its bytes, its exact mode and no leftovers", "[storage]") {
  const TempDir dir;
  const mode_t old = umask(077);
  const std::string path = dir.File("a.json");
  REQUIRE_OK(WriteFileAtomically(path, "one", 0644));
  umask(old);
  CHECK(ReadFile(path) == "one");
  CHECK(ModeOf(path) == 0644);
  REQUIRE_OK(WriteFileAtomically(path, std::string("t\0o", 3), 0600));
  CHECK(ReadFile(path) == std::string("t\0o", 3));
  CHECK(ModeOf(path) == 0600);
  CHECK(CountEntries(dir.path()) == 1);
}

TEST_CASE("A write that cannot finish leaves nothing behind", "[storage]") {
  const TempDir dir;
  REQUIRE_STATUS(WriteFileAtomically(dir.File("none/a"), "x"), StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
  // A directory in the way makes the rename fail after the temporary file was written.
  std::filesystem::create_directories(dir.File("taken/inside"));
  CHECK_FALSE(WriteFileAtomically(dir.File("taken"), "x").ok());
  CHECK(CountEntries(dir.path()) == 1);
}

TEST_CASE("Creating refuses an existing file and keeps it", "[storage]") {
  const TempDir dir;
  REQUIRE_OK(CreateFileAtomically(dir.File("k"), "first", 0600));
  REQUIRE_STATUS(CreateFileAtomically(dir.File("k"), "second", 0600), StatusCode::kAlreadyExists,
                 "FILE_EXISTS");
  CHECK(ReadFile(dir.File("k")) == "first");
  CHECK(ModeOf(dir.File("k")) == 0600);
  CHECK(CountEntries(dir.path()) == 1);
}

TEST_CASE("Reading stops at its bound and at anything but a regular file", "[storage]") {
  const TempDir dir;
  WriteFile(dir.File("f"), "12345");
  CHECK(ReadFileBounded(dir.File("f"), 5).value() == "12345");
  REQUIRE_STATUS(ReadFileBounded(dir.File("f"), 4), StatusCode::kInvalidArgument, "FILE_TOO_LARGE");
  WriteFile(dir.File("empty"), "");
  CHECK(ReadFileBounded(dir.File("empty"), 0).value().empty());
  REQUIRE_STATUS(ReadFileBounded(dir.File("no"), 5), StatusCode::kNotFound, "FILE_NOT_FOUND");
  REQUIRE_STATUS(ReadFileBounded(dir.path(), 5), StatusCode::kInvalidArgument, "FILE_KIND_REFUSED");
  REQUIRE(mkfifo(dir.File("pipe").c_str(), 0600) == 0);
  REQUIRE_STATUS(ReadFileBounded(dir.File("pipe"), 5), StatusCode::kInvalidArgument,
                 "FILE_KIND_REFUSED");
  // /proc reports size 0 for files that have bytes: the bound holds for what is read, too.
  REQUIRE_STATUS(ReadFileBounded("/proc/self/maps", 10), StatusCode::kInvalidArgument,
                 "FILE_TOO_LARGE");
  CHECK(ReadFileBounded("/proc/self/maps", 1 << 24).value().size() > 10);
}

TEST_CASE("A directory is created with its parents and its mode, once", "[storage]") {
  const TempDir dir;
  REQUIRE_OK(EnsureDirectory(dir.File("a/b/c"), 0700));
  CHECK(ModeOf(dir.File("a/b/c")) == 0700);
  REQUIRE(chmod(dir.File("a/b/c").c_str(), 0750) == 0);
  REQUIRE_OK(EnsureDirectory(dir.File("a/b/c"), 0700));
  CHECK(ModeOf(dir.File("a/b/c")) == 0750);
  WriteFile(dir.File("file"), "");
  CHECK_FALSE(EnsureDirectory(dir.File("file")).ok());
  REQUIRE_OK(SyncDirectory(dir.path()));
  CHECK_FALSE(SyncDirectory(dir.File("file")).ok());
}

}  // namespace
}  // namespace kalavai

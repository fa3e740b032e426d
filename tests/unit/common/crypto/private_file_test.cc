// Goal: a private key is read only from a regular file that nobody else can read.
// Method: a table of modes, and of things that are no regular file; the FIFO has no writer, so that
// a reader that waits for one would hang.
#include "common/crypto/private_file.h"

#include <string>

#include "absl/strings/match.h"
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using absl::StatusCode;

TEST_CASE("Modes that give others anything are refused, and named", "[crypto]") {
  const testing::TempDir dir;
  const std::string path = dir.File("key.pem");
  testing::WriteFile(path, "secret");
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0610U, 0601U, 0666U, 0077U, 0644U}) {
    REQUIRE(chmod(path.c_str(), mode) == 0);
    REQUIRE_STATUS(ReadPrivateFile(path, 100), StatusCode::kPermissionDenied, "KEY_FILE_MODE");
  }
  REQUIRE(chmod(path.c_str(), 0640) == 0);
  const auto refused = ReadPrivateFile(path, 100);
  CHECK(absl::StrContains(refused.status().message(), "mode 0640 found"));
  for (const mode_t mode : {0600U, 0400U, 0700U}) {
    REQUIRE(chmod(path.c_str(), mode) == 0);
    REQUIRE_OK_AND_ASSIGN(const Secret<std::string> bytes, ReadPrivateFile(path, 100));
    CHECK(bytes.Reveal() == "secret");
  }
}

TEST_CASE("Links, directories, devices and FIFOs are refused, and named", "[crypto]") {
  const testing::TempDir dir;
  testing::WriteFile(dir.File("key.pem"), "secret");
  REQUIRE(chmod(dir.File("key.pem").c_str(), 0600) == 0);
  REQUIRE(symlink(dir.File("key.pem").c_str(), dir.File("link").c_str()) == 0);
  REQUIRE(symlink(dir.File("nowhere").c_str(), dir.File("dangling").c_str()) == 0);
  REQUIRE(mkdir(dir.File("directory").c_str(), 0700) == 0);
  REQUIRE(mkfifo(dir.File("fifo").c_str(), 0600) == 0);
  const struct {
    std::string path;
    const char* found;
  } cases[] = {{dir.File("link"), "a symbolic link found"},
               {dir.File("dangling"), "a symbolic link found"},
               {dir.File("directory"), "a directory found"},
               {dir.File("fifo"), "a FIFO found"},
               {"/dev/null", "a device found"}};
  for (const auto& c : cases) {
    INFO(c.path);
    const auto refused = ReadPrivateFile(c.path, 100);
    REQUIRE_STATUS(refused, StatusCode::kInvalidArgument, "FILE_KIND_REFUSED");
    CHECK(absl::StrContains(refused.status().message(), c.found));
  }
  REQUIRE_STATUS(ReadPrivateFile(dir.File("none"), 100), StatusCode::kNotFound, "FILE_NOT_FOUND");
}

TEST_CASE("A file is read to the last allowed byte", "[crypto]") {
  const testing::TempDir dir;
  const std::string path = dir.File("key.pem");
  for (const size_t size : {0U, 1U, 9U, 10U}) {
    testing::WriteFile(path, std::string(size, 'k'));
    REQUIRE(chmod(path.c_str(), 0600) == 0);
    REQUIRE_OK_AND_ASSIGN(const Secret<std::string> bytes, ReadPrivateFile(path, 10));
    CHECK(bytes.Reveal() == std::string(size, 'k'));
  }
  testing::WriteFile(path, std::string(11, 'k'));
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  REQUIRE_STATUS(ReadPrivateFile(path, 10), StatusCode::kInvalidArgument, "FILE_TOO_LARGE");
}

}  // namespace
}  // namespace kalavai

// Goal: a descriptor is closed exactly once and writes are whole.
// Method: ownership is moved about and the number is probed with fcntl; a full device (/dev/full)
// makes a write fail.
#include "common/storage/file_descriptor.h"

#include <utility>

#include <fcntl.h>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

bool IsOpen(int number) { return fcntl(number, F_GETFD) >= 0; }

TEST_CASE("A moved descriptor is closed by its last owner", "[storage]") {
  const testing::TempDir dir;
  int number = -1;
  {
    REQUIRE_OK_AND_ASSIGN(FileDescriptor first,
                          FileDescriptor::Open(dir.File("f"), O_WRONLY | O_CREAT, 0600));
    number = first.get();
    CHECK((fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
    FileDescriptor second(std::move(first));
    REQUIRE_OK(second.WriteAll("abc", "f"));
    FileDescriptor third;
    third = std::move(second);
    CHECK(third.get() == number);
    CHECK(IsOpen(number));
  }
  CHECK_FALSE(IsOpen(number));
  CHECK(testing::ReadFile(dir.File("f")) == "abc");
}

TEST_CASE("What the system refuses is a status with the path", "[storage]") {
  REQUIRE_STATUS(FileDescriptor::Open("/no/such/file", O_RDONLY), absl::StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
  REQUIRE_OK_AND_ASSIGN(const FileDescriptor full, FileDescriptor::Open("/dev/full", O_WRONLY));
  const absl::Status status = full.WriteAll("x", "/dev/full");
  REQUIRE_STATUS(status, absl::StatusCode::kResourceExhausted, "DISK_FULL");
  CHECK(std::string(status.message()).find("/dev/full") != std::string::npos);
}

}  // namespace
}  // namespace kalavai

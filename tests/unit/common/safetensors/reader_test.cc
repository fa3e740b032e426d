// Goal: only regular, whole files are mapped, and bytes are the tensor's own.
// Method: a written file, then damaged ones, a directory, a link and a FIFO.
#include "common/safetensors/reader.h"

#include <filesystem>
#include <string>
#include <utility>

#include <sys/stat.h>

#include "common/safetensors/writer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

void WriteSample(const std::string& path) {
  const std::string first = "abcdefgh";
  const std::string second = "ijkl";
  REQUIRE_OK(WriteSafetensors(path, {{"one", Dtype::kF32, {2}, std::as_bytes(std::span(first))},
                                     {"two", Dtype::kF32, {1}, std::as_bytes(std::span(second))}}));
}

TEST_CASE("Spans stay valid when the file object moves") {
  const testing::TempDir directory;
  WriteSample(directory.File("x"));
  REQUIRE_OK_AND_ASSIGN(SafetensorsFile file,
                        SafetensorsFile::Open(directory.File("x"), SafetensorsMode::kUpload));
  const TensorInfo* two = file.Find("two");
  const std::span<const std::byte> bytes = file.Bytes(*two);
  const SafetensorsFile moved = std::move(file);
  REQUIRE(moved.Find("two") == two);
  REQUIRE(moved.Bytes(*two).data() == bytes.data());
  REQUIRE(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == "ijkl");
  REQUIRE(moved.path() == directory.File("x"));
}

TEST_CASE("A file cut at any length is refused") {
  const testing::TempDir directory;
  WriteSample(directory.File("x"));
  const std::string whole = testing::ReadFile(directory.File("x"));
  for (size_t size = 0; size < whole.size(); ++size) {
    INFO(size);
    testing::WriteFile(directory.File("cut"), whole.substr(0, size));
    REQUIRE(IsSafetensorsError(
        SafetensorsFile::Open(directory.File("cut"), SafetensorsMode::kFormat).status()));
  }
}

TEST_CASE("What is no regular file is refused without waiting") {
  const testing::TempDir directory;
  WriteSample(directory.File("x"));
  std::filesystem::create_symlink("x", directory.File("link"));
  REQUIRE(mkfifo(directory.File("fifo").c_str(), 0600) == 0);
  const auto open = [&](const char* name, SafetensorsMode mode) {
    return SafetensorsFile::Open(directory.File(name), mode);
  };
  REQUIRE_STATUS(open("absent", SafetensorsMode::kFormat), absl::StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
  REQUIRE_STATUS(open("fifo", SafetensorsMode::kFormat), absl::StatusCode::kInvalidArgument,
                 "FILE_KIND_REFUSED");
  REQUIRE_STATUS(open(".", SafetensorsMode::kFormat), absl::StatusCode::kInvalidArgument,
                 "FILE_KIND_REFUSED");
  REQUIRE_OK(open("link", SafetensorsMode::kFormat));
  REQUIRE_STATUS(open("link", SafetensorsMode::kUpload), absl::StatusCode::kInvalidArgument,
                 "FILE_KIND_REFUSED");
}

TEST_CASE("Parts of a tensor are read by copy, and a file cut short is an error, not a signal") {
  const testing::TempDir directory;
  WriteSample(directory.File("x"));
  REQUIRE_OK_AND_ASSIGN(const SafetensorsFile file,
                        SafetensorsFile::Open(directory.File("x"), SafetensorsMode::kUpload));
  const TensorInfo& one = *file.Find("one");
  std::string part(3, '?');
  REQUIRE_OK(file.Read(one, 2, std::as_writable_bytes(std::span(part))));
  REQUIRE(part == "cde");
  REQUIRE_OK(file.Read(one, 8, {}));
  REQUIRE_OK(file.CheckUnchanged());
  const auto size = std::filesystem::file_size(directory.File("x"));
  std::filesystem::resize_file(directory.File("x"), size - 10);  // both tensors lose bytes
  REQUIRE_STATUS(file.Read(*file.Find("two"), 0, std::as_writable_bytes(std::span(part))),
                 absl::StatusCode::kFailedPrecondition, "FILE_CHANGED");
  REQUIRE_STATUS(file.CheckUnchanged(), absl::StatusCode::kFailedPrecondition, "FILE_CHANGED");
}

TEST_CASE("A file written over by rename stays what it was to its reader") {
  const testing::TempDir directory;
  WriteSample(directory.File("x"));
  REQUIRE_OK_AND_ASSIGN(const SafetensorsFile file,
                        SafetensorsFile::Open(directory.File("x"), SafetensorsMode::kUpload));
  REQUIRE_OK(WriteSafetensors(directory.File("x"), {}));
  REQUIRE_OK(file.CheckUnchanged());
  const std::span<const std::byte> bytes = file.Bytes(*file.Find("two"));
  REQUIRE(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == "ijkl");
}

}  // namespace
}  // namespace kalavai

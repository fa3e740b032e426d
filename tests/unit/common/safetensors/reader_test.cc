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
    REQUIRE_STATUS(SafetensorsFile::Open(directory.File("cut"), SafetensorsMode::kFormat),
                   absl::StatusCode::kInvalidArgument, "SAFETENSORS_INVALID");
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
                 "SAFETENSORS_INVALID");
  REQUIRE_STATUS(open(".", SafetensorsMode::kFormat), absl::StatusCode::kInvalidArgument,
                 "SAFETENSORS_INVALID");
  REQUIRE_OK(open("link", SafetensorsMode::kFormat));
  REQUIRE(GetErrorReason(open("link", SafetensorsMode::kUpload).status()) == "IO_ERROR");
}

}  // namespace
}  // namespace kalavai

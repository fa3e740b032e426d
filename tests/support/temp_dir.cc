#include "tests/support/temp_dir.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"

#include "common/base/check.h"

namespace kalavai::testing {

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "kalavai-test-XXXXXX").string();
  KALAVAI_CHECK(mkdtemp(pattern.data()) != nullptr, "a test needs a temporary directory");
  path_ = pattern;
}

TempDir::~TempDir() {
  if (std::uncaught_exceptions() > 0) {
    std::fprintf(stderr, "kept: %s\n", path_.c_str());
    return;
  }
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::File(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

void WriteFile(const std::string& path, absl::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  KALAVAI_CHECK(!file.fail(), "a test must be able to write its own file");
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  KALAVAI_CHECK(file.good(), "a test must be able to read its own file");
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

}  // namespace kalavai::testing

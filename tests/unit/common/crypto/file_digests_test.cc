// Goal: many files get the digests they would get one by one, whatever the number of threads.
// Method: files of many sizes on 1 … 7 threads; an absent file among them; no files.
#include "common/crypto/file_digests.h"

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/limits.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

TEST_CASE("Digests come in the order of the paths, on any number of threads") {
  const testing::TempDir directory;
  std::vector<std::string> paths;
  std::vector<Digest> expected;
  for (size_t i = 0; i < 40; ++i) {
    const std::string bytes(i * i * 997, static_cast<char>(i));
    paths.push_back(directory.File(absl::StrCat(i)));
    testing::WriteFile(paths.back(), bytes);
    expected.push_back(Sha256Of(bytes));
  }
  for (const int threads : {1, 2, 7}) {
    REQUIRE_OK_AND_ASSIGN(const std::vector<Digest> digests, Sha256OfFiles(paths, threads));
    REQUIRE(digests == expected);
  }
  REQUIRE_OK_AND_ASSIGN(const std::vector<Digest> none, Sha256OfFiles({}, 3));
  REQUIRE(none.empty());
}

TEST_CASE("One absent file fails the whole") {
  const testing::TempDir directory;
  std::vector<std::string> paths;
  for (int i = 0; i < 10; ++i) {
    paths.push_back(directory.File(absl::StrCat(i)));
    testing::WriteFile(paths.back(), "x");
  }
  std::filesystem::remove(paths[4]);
  for (const int threads : {1, 4}) {
    REQUIRE_STATUS(Sha256OfFiles(paths, threads), absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
  }
}

TEST_CASE("The number of threads is bounded") {
  REQUIRE(HashThreads() >= 1);
  REQUIRE(HashThreads() <= limits::kHashThreadsMax);
}

}  // namespace
}  // namespace kalavai

// Goal: what cannot be a submission is refused before a byte travels. Method: a list that may
// enter, with one entry changed at a time, sizes at their borders among them.
#include "coordinator/submission/declared_files.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

constexpr int64_t kBaseWeights = 1000;

std::vector<SubmissionFile> Base() {
  return {{.path = "model-00001-of-00002.safetensors", .size_bytes = 600},
          {.path = "model-00002-of-00002.safetensors", .size_bytes = kBaseWeights - 600},
          {.path = "tokenizer.json", .size_bytes = 50}};
}

std::vector<SubmissionFile> Good() {
  std::vector<SubmissionFile> files;
  for (const std::string& name : RequiredSubmissionFiles()) {
    files.push_back({.path = name, .size_bytes = 10});
  }
  return files;
}

SubmissionFile& Named(std::vector<SubmissionFile>& files, const std::string& path) {
  return *std::find_if(files.begin(), files.end(),
                       [&](const SubmissionFile& file) { return file.path == path; });
}

TEST_CASE("Every required file must be there, optional ones may") {
  std::vector<SubmissionFile> files = Good();
  REQUIRE_OK(CheckDeclaredFiles(files, Base()));
  for (const std::string& name : OptionalSubmissionFiles()) {
    files.push_back({.path = name, .size_bytes = 10});
    REQUIRE_OK(CheckDeclaredFiles(files, Base()));
  }
  for (const std::string& name : RequiredSubmissionFiles()) {
    INFO(name);
    std::vector<SubmissionFile> fewer = Good();
    std::erase_if(fewer, [&](const SubmissionFile& file) { return file.path == name; });
    REQUIRE_STATUS(CheckDeclaredFiles(fewer, Base()), absl::StatusCode::kInvalidArgument,
                   "FILE_MISSING");
  }
  REQUIRE_STATUS(CheckDeclaredFiles({}, Base()), absl::StatusCode::kInvalidArgument,
                 "FILE_MISSING");
}

TEST_CASE("No other name enters, and none twice") {
  for (const char* name :
       {"modeling.py", "pytorch_model.bin", "a/config.json", "../config.json", "", "Config.json",
        "config.json\n", "model-00001-of-00002.safetensors", "config.json"}) {
    INFO(name);
    std::vector<SubmissionFile> files = Good();
    files.push_back({.path = name, .size_bytes = 10});
    REQUIRE_STATUS(CheckDeclaredFiles(files, Base()), absl::StatusCode::kInvalidArgument,
                   "FILE_NOT_ALLOWED");
  }
}

TEST_CASE("Sizes are bounded by what the file can be") {
  struct Bound {
    const char* path;
    int64_t max;
  };
  const Bound bounds[] = {
      {"model.safetensors", kBaseWeights + limits::kSafetensorsHeaderBytesMax},
      {"config.json", limits::kJsonBytesMax},
      {"divergence.json", limits::kJsonBytesMax},
      {"tokenizer.json", limits::kTokenizerBytesMax},
      {"model.sig", limits::kModelSignatureBytesMax},
  };
  for (const Bound& bound : bounds) {
    INFO(bound.path);
    std::vector<SubmissionFile> files = Good();
    for (const int64_t good : {int64_t{1}, bound.max}) {
      Named(files, bound.path).size_bytes = good;
      REQUIRE_OK(CheckDeclaredFiles(files, Base()));
    }
    for (const int64_t bad : {int64_t{0}, int64_t{-1}, bound.max + 1}) {
      Named(files, bound.path).size_bytes = bad;
      REQUIRE_STATUS(CheckDeclaredFiles(files, Base()), absl::StatusCode::kInvalidArgument,
                     "SIZE_MISMATCH");
    }
  }
}

TEST_CASE("The lists are sorted and disjoint: both are searched by halves") {
  CHECK(std::is_sorted(RequiredSubmissionFiles().begin(), RequiredSubmissionFiles().end()));
  CHECK(std::is_sorted(OptionalSubmissionFiles().begin(), OptionalSubmissionFiles().end()));
  for (const std::string& name : RequiredSubmissionFiles()) {
    CHECK(std::count(OptionalSubmissionFiles().begin(), OptionalSubmissionFiles().end(), name) ==
          0);
  }
}

}  // namespace
}  // namespace kalavai::coordinator

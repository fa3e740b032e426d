// Goal: what a coordinator lists as the base's files cannot leave the directory, fill the disk or
// overflow a sum.
// Method: a true list, then one hostile change at a time, each against a manifest that agrees.
#include "contributor/checkpoint/base_download.h"

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai::contributor {
namespace {

struct File {
  std::string path;
  int64_t size_bytes;
};

v1::Checkpoint ListOf(const std::vector<File>& files) {
  v1::Checkpoint checkpoint;
  for (const File& file : files) {
    v1::FileDigest& added = *checkpoint.add_files();
    added.set_path(file.path);
    added.set_size_bytes(file.size_bytes);
    added.set_sha256(Sha256Of(file.path).Hex());
  }
  return checkpoint;
}

ModelManifest ManifestOf(const std::vector<File>& files) {
  ModelManifest manifest;
  for (const File& file : files) {
    manifest.resources.push_back({.name = file.path, .digest = Sha256Of(file.path)});
  }
  return manifest;
}

absl::StatusOr<int64_t> Check(const std::vector<File>& files) {
  return CheckListedFiles(ListOf(files), ManifestOf(files));
}

TEST_CASE("The files of a base are summed", "[contributor]") {
  REQUIRE_OK_AND_ASSIGN(const int64_t total, Check({{"config.json", 12}, {"tokenizer.json", 30}}));
  CHECK(total == 42);
}

TEST_CASE("Names that leave the directory are refused", "[contributor]") {
  for (const char* name : {"../x", "/x", "a/../../x", "a/b", ".", "..", ""}) {
    INFO(name);
    CHECK_FALSE(Check({{"config.json", 12}, {name, 30}}).ok());
  }
}

TEST_CASE("Sizes that no checkpoint has are refused", "[contributor]") {
  for (const std::vector<int64_t>& sizes : {std::vector<int64_t>{-1, 5},
                                            {5, INT64_MIN},
                                            {INT64_MAX, 1},
                                            {INT64_MAX, INT64_MAX},
                                            {int64_t{1} << 40, 1}}) {
    INFO(sizes[0] << " " << sizes[1]);
    REQUIRE_STATUS(Check({{"config.json", sizes[0]}, {"tokenizer.json", sizes[1]}}),
                   absl::StatusCode::kInvalidArgument, "SIZE_MISMATCH");
  }
}

TEST_CASE("A list of other files than the signed ones is refused", "[contributor]") {
  const std::vector<File> signed_files = {{"config.json", 12}, {"tokenizer.json", 30}};
  const ModelManifest manifest = ManifestOf(signed_files);
  CHECK(CheckListedFiles(ListOf(signed_files), manifest).ok());
  CHECK_FALSE(CheckListedFiles(ListOf({{"config.json", 12}}), manifest).ok());
  CHECK_FALSE(
      CheckListedFiles(ListOf({{"config.json", 12}, {"tokenizer.json", 30}, {"x", 1}}), manifest)
          .ok());
  REQUIRE_STATUS(
      CheckListedFiles(ListOf({{"config.json", 12}, {"config.json", 12}, {"tokenizer.json", 30}}),
                       manifest),
      absl::StatusCode::kFailedPrecondition, "BASE_MISMATCH");
}

}  // namespace
}  // namespace kalavai::contributor

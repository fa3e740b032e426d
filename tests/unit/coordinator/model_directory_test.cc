// Goal: a checkpoint directory holds exactly the blobs it names, and no name leads out of it.
// Method: a real blob store; the same directory made twice; a table of names.
#include "coordinator/model_directory.h"

#include <filesystem>
#include <memory>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("A directory made anew holds what it names and nothing of before") {
  const testing::TempDir temp;
  REQUIRE_OK_AND_ASSIGN(const std::unique_ptr<BlobStore> blobs,
                        BlobStore::Open(temp.File("blobs"), {.free_space_floor_bytes = 0}));
  REQUIRE_OK_AND_ASSIGN(const Digest config, blobs->PutBytes("{}"));
  REQUIRE_OK_AND_ASSIGN(const Digest weights, blobs->PutBytes("weights"));
  const std::string directory = temp.File("expert");
  const std::vector<BlobFile> first = {{"config.json", config}, {"old.safetensors", weights}};
  REQUIRE_OK(MaterialiseCheckpoint(*blobs, first, directory));
  const std::vector<BlobFile> second = {{"config.json", config}, {"model.safetensors", weights}};
  REQUIRE_OK(MaterialiseCheckpoint(*blobs, second, directory));
  CHECK(testing::ReadFile(directory + "/model.safetensors") == "weights");
  CHECK_FALSE(std::filesystem::exists(directory + "/old.safetensors"));
  CHECK_FALSE(std::filesystem::is_symlink(directory + "/config.json"));
  // Removing the directory leaves the blobs.
  std::filesystem::remove_all(directory);
  REQUIRE_OK(blobs->Check(weights));
}

TEST_CASE("A missing blob and a name that is no file name are refused") {
  const testing::TempDir temp;
  REQUIRE_OK_AND_ASSIGN(const std::unique_ptr<BlobStore> blobs,
                        BlobStore::Open(temp.File("blobs"), {.free_space_floor_bytes = 0}));
  REQUIRE_OK_AND_ASSIGN(const Digest held, blobs->PutBytes("x"));
  const std::vector<BlobFile> missing = {{"config.json", Sha256Of("gone")}};
  REQUIRE_STATUS(MaterialiseCheckpoint(*blobs, missing, temp.File("a")),
                 absl::StatusCode::kNotFound, "BLOB_NOT_FOUND");
  for (const char* name : {"", ".", "..", "a/b", "/etc/passwd", "../out"}) {
    INFO(name);
    const std::vector<BlobFile> files = {{name, held}};
    REQUIRE_STATUS(MaterialiseCheckpoint(*blobs, files, temp.File("b")),
                   absl::StatusCode::kInvalidArgument, "FILE_NAME_INVALID");
  }
  CHECK_FALSE(std::filesystem::exists(temp.File("out")));
}

TEST_CASE("A model's files are its configuration, weights and tokenizer") {
  for (const char* name : {"config.json", "tokenizer.json", "model.safetensors",
                           "model-00001-of-00002.safetensors", "model.safetensors.index.json"}) {
    INFO(name);
    CHECK(IsModelFile(name));
  }
  for (const char* name : {"submission.json", "divergence.json", "privacy.json", "model.sig",
                           "modeling.py", "safetensors", "config.json.bak"}) {
    INFO(name);
    CHECK_FALSE(IsModelFile(name));
  }
}

}  // namespace
}  // namespace kalavai::coordinator

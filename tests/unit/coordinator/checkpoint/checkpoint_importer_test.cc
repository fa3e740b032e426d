// Goal: what becomes the base is a whole checkpoint without code, under the digest every tool
// computes. Method: a small real model; one file more, damaged or missing at a time.
#include "coordinator/checkpoint/checkpoint_importer.h"

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "common/crypto/model_signature.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::coordinator {
namespace {

namespace fs = std::filesystem;

TEST_CASE("A base is signed over exactly the bytes in the store") {
  const testing::TempDir temp;
  const std::string directory = temp.File("base");
  testing::WriteTinyBase(directory, 1);
  REQUIRE_OK_AND_ASSIGN(const Digest expected_root, [&]() -> absl::StatusOr<Digest> {
    const auto resources = EnumerateDirectory(directory);
    if (!resources.ok()) return resources.status();
    return RootDigest(*resources);
  }());
  testing::WriteFile(directory + "/modeling.py", "import os");  // code never enters
  testing::WriteFile(directory + "/weights.bin", "pickle");
  REQUIRE_OK_AND_ASSIGN(const auto blobs,
                        BlobStore::Open(temp.File("blobs"), {.free_space_floor_bytes = 0}));
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(const CheckpointRow row,
                        ImportCheckpointFiles("nordic", directory, *blobs, key));
  CHECK(row.root_digest == expected_root);
  CHECK(row.id == kBaseCheckpoint);
  CHECK(row.Find("modeling.py") == nullptr);
  CHECK(row.Find("weights.bin") == nullptr);
  std::map<std::string, Digest> digests;
  for (const CheckpointFileRow& file : row.files) {
    INFO(file.path);
    digests[file.path] = file.digest;
    REQUIRE_OK(blobs->Check(file.digest));
    CHECK(file.size_bytes == static_cast<int64_t>(fs::file_size(directory + "/" + file.path)));
  }
  CHECK(digests.size() == 3);
  REQUIRE_OK_AND_ASSIGN(const ModelManifest manifest,
                        VerifyBundle(row.signature, key.public_key()));
  CHECK(manifest.root_digest == row.root_digest);
  REQUIRE_OK(MatchManifest(manifest, digests));
}

TEST_CASE("What members cannot train from is no base") {
  struct Case {
    const char* what;
    std::function<void(const std::string&)> damage;
    absl::StatusCode code;
    const char* reason;
  };
  const auto invalid = absl::StatusCode::kInvalidArgument;
  const Case cases[] = {
      {"no tokenizer", [](const std::string& d) { fs::remove(d + "/tokenizer.json"); }, invalid,
       "CHECKPOINT_INVALID"},
      {"a tokenizer we do not run",
       [](const std::string& d) { testing::WriteFile(d + "/tokenizer.json", "{}"); }, invalid,
       "TOKENIZER_UNSUPPORTED"},
      {"an architecture we do not run",
       [](const std::string& d) {
         testing::WriteFile(d + "/config.json", R"({"model_type":"mamba"})");
       },
       absl::StatusCode::kUnimplemented, "MODEL_UNSUPPORTED"},
      {"weights cut off",
       [](const std::string& d) { fs::resize_file(d + "/model.safetensors", 100); }, invalid,
       "SAFETENSORS_TOO_SHORT"},
  };
  for (const Case& bad : cases) {
    INFO(bad.what);
    const testing::TempDir temp;
    const std::string directory = temp.File("base");
    testing::WriteTinyBase(directory, 1);
    REQUIRE_OK(CheckBaseDirectory(directory));
    bad.damage(directory);
    REQUIRE_STATUS(CheckBaseDirectory(directory), bad.code, bad.reason);
  }
}

TEST_CASE("More tokens than the model has rows for are refused") {
  const testing::TempDir temp;
  const std::string directory = temp.File("base");
  testing::WriteTinyBase(directory, 1);
  std::string config = testing::ReadFile(directory + "/config.json");
  const size_t at = config.find("\"vocab_size\"");
  REQUIRE(at != std::string::npos);
  const size_t digits = config.find_first_of("0123456789", at);
  const size_t end = config.find_first_not_of("0123456789", digits);
  config.replace(digits, end - digits, "16");
  testing::WriteFile(directory + "/config.json", config);
  REQUIRE_STATUS(CheckBaseDirectory(directory), absl::StatusCode::kInvalidArgument,
                 "TOKENIZER_MISMATCH");
}

TEST_CASE("The directory is named by a whole path") {
  for (const char* path : {"", "base", "./base", "../base"}) {
    INFO(path);
    REQUIRE_STATUS(CheckBaseDirectory(path), absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  }
}

}  // namespace
}  // namespace kalavai::coordinator

// Goal: a reference model is measured only when it reads text as the base does, and is the one that
// was named when the fusion was created. Method: a tiny base and copies of it with one thing
// changed.
#include "coordinator/fusion/reference_model.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "coordinator/checkpoint/checkpoint_importer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::coordinator {
namespace {

namespace fs = std::filesystem;
using testing::ReadFile;
using testing::WriteFile;

struct Ground {
  testing::TempDir directory;
  std::unique_ptr<BlobStore> blobs =
      BlobStore::Open(directory.File("blobs"), {.free_space_floor_bytes = 0}).value();
  SigningKey key = SigningKey::Create().value();
  CheckpointRow base;

  Ground() {
    testing::WriteTinyBase(directory.File("base"), 1);
    testing::WriteTinyBase(directory.File("pooled"), 2);  // other weights
    base = ImportCheckpointFiles("nordic", directory.File("base"), *blobs, key).value();
  }

  absl::StatusOr<std::vector<ReferenceModel>> Check(const std::string& label,
                                                    const std::string& path) const {
    return CheckReferenceModels(*blobs, base,
                                {{.label = label, .directory = path, .root_digest = {}}});
  }
};

void Replace(const std::string& path, const std::string& from, const std::string& to) {
  std::string text = ReadFile(path);
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  WriteFile(path, text.replace(at, from.size(), to));
}

TEST_CASE("A model like the base is accepted by its root digest, until it changes", "[fusion]") {
  Ground ground;
  const std::string path = ground.directory.File("pooled");
  REQUIRE_OK_AND_ASSIGN(const std::vector<ReferenceModel> checked, ground.Check("pooled", path));
  REQUIRE(checked.size() == 1);
  REQUIRE(checked[0].root_digest != ground.base.root_digest);
  REQUIRE_OK_AND_ASSIGN(const std::vector<ReferenceModel> itself,
                        ground.Check("same", ground.directory.File("base")));
  REQUIRE(itself[0].root_digest == ground.base.root_digest);
  REQUIRE_OK(CheckUnchanged(checked[0]));
  Replace(path + "/config.json", "\n", "\n ");
  REQUIRE_STATUS(CheckUnchanged(checked[0]), absl::StatusCode::kFailedPrecondition,
                 "REFERENCE_MODEL_MISMATCH");
}

TEST_CASE("The type of the stored weights may differ", "[fusion]") {
  Ground ground;
  fs::remove_all(ground.directory.File("pooled"));
  testing::WriteTinyBase(ground.directory.File("pooled"), 2, /*bfloat16=*/true);
  REQUIRE_OK(ground.Check("pooled", ground.directory.File("pooled")));
}

TEST_CASE("A model that reads text otherwise is refused with what differs", "[fusion]") {
  struct Case {
    const char* file;
    std::function<void(const std::string&)> change;
  };
  const std::vector<Case> cases = {
      {"config.json",
       [](const std::string& path) {
         Replace(path + "/config.json", "\"max_position_embeddings\": 64",
                 "\"max_position_embeddings\": 32");
       }},
      {"tokenizer.json",
       [](const std::string& path) {
         WriteFile(path + "/tokenizer.json", ReadFile(path + "/tokenizer.json") + " ");
       }},
      {"embed_out.weight", [](const std::string& path) {
         Replace(path + "/model.safetensors", "\"embed_out.weight\"", "\"embed_oot.weight\"");
       }}};
  for (const Case& bad : cases) {
    INFO(bad.file);
    Ground ground;
    const std::string path = ground.directory.File("pooled");
    bad.change(path);
    const auto checked = ground.Check("pooled", path);
    REQUIRE_STATUS(checked, absl::StatusCode::kFailedPrecondition, "REFERENCE_MODEL_MISMATCH");
    const bool named =
        std::string(checked.status().message()).find(bad.file) != std::string::npos ||
        std::string(checked.status().message()).find("embed_oot") != std::string::npos;
    REQUIRE(named);
  }
}

TEST_CASE("Labels and directories are checked first", "[fusion]") {
  Ground ground;
  const std::string path = ground.directory.File("pooled");
  for (const std::string& label : {std::string(), std::string("Pooled"), std::string("1st"),
                                   std::string("a b"), std::string("a|b"), std::string(64, 'a')}) {
    INFO(label);
    REQUIRE_STATUS(ground.Check(label, path), absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  }
  REQUIRE_OK(ground.Check(std::string(63, 'a'), path));
  REQUIRE_STATUS(ground.Check("pooled", "relative/path"), absl::StatusCode::kInvalidArgument,
                 "FIELD_INVALID");
  REQUIRE_STATUS(ground.Check("pooled", ground.directory.File("nowhere")),
                 absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
  const ReferenceModel good{.label = "pooled", .directory = path, .root_digest = {}};
  REQUIRE_STATUS(CheckReferenceModels(*ground.blobs, ground.base, {good, good}),
                 absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  REQUIRE_STATUS(
      CheckReferenceModels(*ground.blobs, ground.base,
                           std::vector<ReferenceModel>(limits::kReferenceModelsMax + 1, good)),
      absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
}

}  // namespace
}  // namespace kalavai::coordinator

// Goal: a model directory is replaced as a whole and holds what its readers need; its digest
// notices every change. Method: a tiny model written twice; one byte changed.
#include "common/training/checkpoint_writer.h"

#include <filesystem>
#include <string>

#include "common/model/weights.h"
#include "common/tokenizer/tokenizer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai {
namespace {

using testing::TempDir;

TEST_CASE("A checkpoint replaces the directory and loads", "[training]") {
  const TempDir directory;
  testing::WriteTinyBase(directory.File("base"), 1);
  REQUIRE_OK_AND_ASSIGN(const Transformer model, LoadTransformer(directory.File("base"), {}));
  const std::string out = directory.File("out");
  std::filesystem::create_directories(out);
  testing::WriteFile(out + "/left-over", "old");
  for (const WeightType type : {WeightType::kFloat32, WeightType::kBfloat16}) {
    REQUIRE_OK(WriteCheckpoint(model, directory.File("base/tokenizer.json"), out, type));
    REQUIRE_OK_AND_ASSIGN(const Transformer loaded, LoadTransformer(out, {}));
    REQUIRE(loaded.weight_type() == type);
    REQUIRE_OK(Tokenizer::Load(out + "/tokenizer.json"));
    REQUIRE_FALSE(std::filesystem::exists(out + "/left-over"));
    REQUIRE_FALSE(std::filesystem::exists(out + ".partial"));
  }
}

TEST_CASE("A missing tokenizer leaves the old directory in place", "[training]") {
  const TempDir directory;
  testing::WriteTinyBase(directory.File("base"), 1);
  REQUIRE_OK_AND_ASSIGN(const Transformer model, LoadTransformer(directory.File("base"), {}));
  REQUIRE_STATUS(WriteCheckpoint(model, directory.File("absent.json"), directory.File("base"),
                                 WeightType::kFloat32),
                 absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
  REQUIRE_OK(LoadTransformer(directory.File("base"), {}));
}

TEST_CASE("The digest follows weights, configuration and tokenizer", "[training]") {
  const TempDir directory;
  testing::WriteTinyBase(directory.File("a"), 1);
  testing::WriteTinyBase(directory.File("b"), 1);
  testing::WriteTinyBase(directory.File("c"), 2);
  REQUIRE_OK_AND_ASSIGN(const std::string a, WeightsDigest(directory.File("a")));
  REQUIRE_OK_AND_ASSIGN(const std::string b, WeightsDigest(directory.File("b")));
  REQUIRE_OK_AND_ASSIGN(const std::string c, WeightsDigest(directory.File("c")));
  REQUIRE(a == b);
  REQUIRE(a != c);
  testing::WriteFile(directory.File("b/tokenizer.json"), "{}");
  REQUIRE_OK_AND_ASSIGN(const std::string changed, WeightsDigest(directory.File("b")));
  REQUIRE(changed != a);
  REQUIRE_STATUS(WeightsDigest(directory.File("absent")), absl::StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
}

}  // namespace
}  // namespace kalavai

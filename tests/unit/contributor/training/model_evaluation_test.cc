// Goal: any model directory is measured on named texts, each alone. Method: a tiny base and two
// languages; the same text under two names; a text that is too short.
#include "contributor/training/model_evaluation.h"

#include <string>
#include <vector>

#include "common/model/determinism.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::contributor {
namespace {

using kalavai::testing::TempDir;
using kalavai::testing::TinyText;
using kalavai::testing::WriteFile;
using kalavai::testing::WriteTinyBase;

TEST_CASE("Texts are measured alone and by name", "[training]") {
  REQUIRE_OK(SetThreads(1));
  const TempDir directory;
  WriteTinyBase(directory.File("base"), 5);
  WriteFile(directory.File("a.txt"), TinyText(0, 60));
  WriteFile(directory.File("b.txt"), TinyText(1, 60));
  const std::vector<NamedText> texts = {{"a", {directory.File("a.txt")}},
                                        {"b", {directory.File("b.txt")}},
                                        {"again", {directory.File("a.txt")}}};
  REQUIRE_OK_AND_ASSIGN(const std::vector<TextLoss> losses,
                        EvaluateModel(directory.File("base"), texts, {.chunk_tokens = 32}));
  REQUIRE(losses.size() == 3);
  REQUIRE(losses[2].name == "again");
  REQUIRE(losses[0].loss == losses[2].loss);
  REQUIRE(losses[0].loss != losses[1].loss);
  // Fresh weights: about as good as guessing among 290 tokens.
  REQUIRE_NEAR(losses[0].loss, 5.67, 0.2);
  REQUIRE(losses[0].bytes_per_token > 1);
  REQUIRE(losses[0].tokens == losses[0].chunks * 31);
}

TEST_CASE("A text that is too short is named in the refusal", "[training]") {
  const TempDir directory;
  WriteTinyBase(directory.File("base"), 5);
  WriteFile(directory.File("short.txt"), "a few words");
  const auto losses =
      EvaluateModel(directory.File("base"), {{"short", {directory.File("short.txt")}}}, {});
  REQUIRE_STATUS(losses, absl::StatusCode::kInvalidArgument, "TOO_LITTLE_TEXT");
  REQUIRE(losses.status().message().find("short") != absl::string_view::npos);
}

}  // namespace
}  // namespace kalavai::contributor

// Goal: any model directory is measured on named texts, each alone. Method: a tiny base and two
// languages; the same text under two names; a text that is too short.
#include "contributor/training/model_evaluation.h"

#include <cmath>
#include <string>
#include <vector>

#include "common/corpus/chunk_selection.h"
#include "common/corpus/documents.h"
#include "common/model/determinism.h"
#include "common/tokenizer/tokenizer.h"
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
  REQUIRE(losses[0].BytesPerToken() > 1);
  REQUIRE(losses[0].tokens == losses[0].chunks * 31);
}

TEST_CASE("Reference packing counts every prediction and every byte of the text", "[training]") {
  REQUIRE_OK(SetThreads(1));
  const TempDir directory;
  WriteTinyBase(directory.File("base"), 5);
  const std::string text = TinyText(2, 20) + "Signed <|endoftext|> by both.\n";
  WriteFile(directory.File("a.txt"), text);
  REQUIRE_OK_AND_ASSIGN(const auto tokenizer,
                        Tokenizer::Load(directory.File("base/tokenizer.json")));
  REQUIRE_OK_AND_ASSIGN(std::vector<int32_t> ids, tokenizer->Encode(text));
  const std::vector<NamedText> texts = {{"a", {directory.File("a.txt")}}};
  for (const int64_t most : {0, 1, 3}) {
    REQUIRE_OK_AND_ASSIGN(
        const auto losses,
        EvaluateModel(directory.File("base"), texts,
                      {.chunk_tokens = 16, .chunks_max = most, .packing = Packing::kReference}));
    const auto whole = static_cast<int64_t>(ids.size()) / 16;
    const int64_t chunks = most == 0 ? whole : most;
    REQUIRE(losses[0].chunks == chunks);
    REQUIRE(losses[0].tokens == chunks * 15);
    std::vector<int32_t> used = ids;
    used.resize(static_cast<size_t>(chunks * 16));
    REQUIRE_OK_AND_ASSIGN(const std::string decoded, tokenizer->Decode(used));
    REQUIRE(losses[0].text_bytes == static_cast<int64_t>(decoded.size()));
    const double bits = losses[0].loss * static_cast<double>(losses[0].tokens) / std::log(2.0);
    REQUIRE_NEAR(losses[0].BitsPerByte(), bits / static_cast<double>(decoded.size()), 1e-12);
  }
}

TEST_CASE("The default length is the paper's, or the context; a longer one is refused",
          "[training]") {
  REQUIRE_OK(SetThreads(1));
  const TempDir directory;
  WriteTinyBase(directory.File("base"), 5);  // context 64
  WriteFile(directory.File("a.txt"), TinyText(0, 60));
  const std::vector<NamedText> texts = {{"a", {directory.File("a.txt")}}};
  REQUIRE_OK_AND_ASSIGN(const auto losses, EvaluateModel(directory.File("base"), texts, {}));
  REQUIRE(losses[0].tokens == losses[0].chunks * 63);
  REQUIRE_STATUS(EvaluateModel(directory.File("base"), texts, {.chunk_tokens = 65}),
                 absl::StatusCode::kInvalidArgument, "CONTEXT_EXCEEDED");
}

TEST_CASE("Progress names the text and can end the evaluation", "[training]") {
  REQUIRE_OK(SetThreads(1));
  const TempDir directory;
  WriteTinyBase(directory.File("base"), 5);
  WriteFile(directory.File("a.txt"), TinyText(0, 60));
  int64_t seen = 0;
  EvaluationOptions options = {.chunk_tokens = 16, .chunks_max = 20};
  options.progress = [&](const std::string& name, int64_t done, int64_t total) {
    CHECK(name == "a");
    CHECK(total == 20);
    seen = done;
    return done == 16 ? absl::CancelledError("enough") : absl::OkStatus();
  };
  const auto ended =
      EvaluateModel(directory.File("base"), {{"a", {directory.File("a.txt")}}}, options);
  CHECK(ended.status() == absl::CancelledError("enough"));
  CHECK(seen == 16);
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

TEST_CASE("Chunks have losses of their own, whose mean is the text's", "[training]") {
  REQUIRE_OK(SetThreads(1));
  const TempDir directory;
  WriteTinyBase(directory.File("base"), 5);
  WriteFile(directory.File("a.txt"), TinyText(0, 60));
  REQUIRE_OK_AND_ASSIGN(const auto whole,
                        EvaluateModel(directory.File("base"), {{"a", {directory.File("a.txt")}}},
                                      {.chunk_tokens = 32, .chunks_max = 11}));
  REQUIRE_OK_AND_ASSIGN(const auto tokenizer,
                        Tokenizer::Load(directory.File("base/tokenizer.json")));
  REQUIRE_OK_AND_ASSIGN(std::vector<Document> documents, ReadDocuments(directory.File("a.txt")));
  ChunkedText text{.name = "a"};
  REQUIRE_OK_AND_ASSIGN(text.chunks, SpreadChunks(*tokenizer, documents, 32, 11));
  std::vector<std::vector<double>> seen;
  const auto keep = [&](size_t index, std::vector<double> losses) {
    CHECK(index == seen.size());
    seen.push_back(std::move(losses));
    return absl::OkStatus();
  };
  REQUIRE_OK(MeasureChunks(directory.File("base"), {text, text}, {}, keep));
  REQUIRE(seen.size() == 2);
  CHECK(seen[0] == seen[1]);
  REQUIRE(seen[0].size() == 11);
  double sum = 0;
  for (const double loss : seen[0]) sum += loss;
  REQUIRE_NEAR(sum / 11, whole[0].loss, 1e-9);
  REQUIRE(seen[0][0] != seen[0][1]);
  const absl::Status ended = MeasureChunks(
      directory.File("base"), {text, text}, {},
      [](size_t, std::vector<double>) { return absl::CancelledError("enough"); });
  CHECK(ended.code() == absl::StatusCode::kCancelled);
  text.chunks.chunk_tokens = 65;
  REQUIRE_STATUS(MeasureChunks(directory.File("base"), {text}, {}, keep),
                 absl::StatusCode::kInvalidArgument, "CONTEXT_EXCEEDED");
}

}  // namespace
}  // namespace kalavai::contributor

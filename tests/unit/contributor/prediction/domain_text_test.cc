// Goal: a member measures on what the probe pass would take, but for what it trained on.
// Method: texts of a tiny tokenizer; some or all documents trained on; texts that are too short.
#include "contributor/prediction/domain_text.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "common/corpus/chunk_selection.h"
#include "common/corpus/documents.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::contributor {
namespace {

struct Ground {
  testing::TempDir temp;
  std::unique_ptr<Tokenizer> tokenizer;
  std::vector<Document> documents;
  std::string lines;

  Ground() {
    testing::WriteTinyBase(temp.path(), 1);
    tokenizer = Tokenizer::Load(temp.File("tokenizer.json")).value();
    for (const absl::string_view text :
         absl::StrSplit(testing::TinyText(0, 40), "\n\n", absl::SkipWhitespace())) {
      documents.push_back(MakeDocument(std::string(text)));
      lines += nlohmann::json({{"text", std::string(text)}}).dump() + "\n";
    }
    REQUIRE(documents.size() == 40);
  }

  absl::StatusOr<DomainText> Build(std::vector<Digest> trained, int64_t chunks_max = 6) const {
    std::sort(trained.begin(), trained.end());
    return BuildDomainText(*tokenizer, "law", lines, trained,
                           {.chunk_tokens = 16, .chunks_max = chunks_max});
  }
};

TEST_CASE("The chunks are those of the probe pass", "[rows]") {
  const Ground ground;
  REQUIRE_OK_AND_ASSIGN(const DomainText text, ground.Build({}));
  REQUIRE_OK_AND_ASSIGN(const TokenChunks wanted,
                        SpreadChunks(*ground.tokenizer, ground.documents, 16, 6));
  CHECK(text.chunks.tokens == wanted.tokens);
  CHECK(text.chunks.count() == 6);
  CHECK(text.documents == 40);
  CHECK(text.left_out == 0);
  CHECK(text.digest.size() == 64);
  CHECK(ground.Build({}, 7).value().digest != text.digest);
}

TEST_CASE("What was trained on is left out and counted", "[rows]") {
  const Ground ground;
  std::vector<Digest> trained = {Sha256Of("something else")};
  for (size_t i = 0; i < 10; ++i) trained.push_back(ground.documents[i].digest);
  REQUIRE_OK_AND_ASSIGN(const DomainText text, ground.Build(trained));
  CHECK(text.left_out == 10);
  const std::vector<Document> rest(ground.documents.begin() + 10, ground.documents.end());
  REQUIRE_OK_AND_ASSIGN(const TokenChunks wanted, SpreadChunks(*ground.tokenizer, rest, 16, 6));
  CHECK(text.chunks.tokens == wanted.tokens);
  CHECK(text.digest != ground.Build({}).value().digest);
}

TEST_CASE("Too little text is refused, and why is told apart", "[rows]") {
  Ground ground;
  std::vector<Digest> all;
  for (const Document& document : ground.documents) all.push_back(document.digest);
  const auto learned = ground.Build(all);
  REQUIRE_STATUS(learned, absl::StatusCode::kFailedPrecondition, "PROBE_TEXT_TRAINED_ON");
  CHECK(learned.status().message().find("40 of 40") != absl::string_view::npos);
  ground.lines = "{\"text\":\"one\"}\n";
  REQUIRE_STATUS(ground.Build({}), absl::StatusCode::kInvalidArgument, "TOO_LITTLE_TEXT");
  ground.lines = "";
  REQUIRE_STATUS(ground.Build({}), absl::StatusCode::kInvalidArgument, "TOO_LITTLE_TEXT");
  ground.lines = "{\"text\":1}\n";
  CHECK_FALSE(ground.Build({}).ok());
  ground.lines = "not json\n";
  REQUIRE_STATUS(ground.Build({}), absl::StatusCode::kInvalidArgument, "JSON_INVALID");
}

}  // namespace
}  // namespace kalavai::contributor

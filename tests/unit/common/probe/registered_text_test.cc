// Goal: a text that no fusion could be measured on is refused before it is final.
// Method: a tiny base of 64 tokens of context; texts just long enough and not, chunks as long as
// the context and one token longer; one document in the texts of two domains.
#include "common/probe/registered_text.h"

#include <string>
#include <vector>

#include "common/corpus/probe_documents.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai {
namespace {

// One document a line, which .txt would join.
std::string Jsonl(const std::vector<std::string>& documents) {
  std::string lines;
  for (const std::string& document : documents) {
    lines += "{\"text\":\"" + document + "\"}\n";
  }
  return lines;
}

struct Ground {
  testing::TempDir temp;
  ChunkingFiles base = {.config = temp.File("base/config.json"),
                        .tokenizer = temp.File("base/tokenizer.json")};
  int files = 0;

  Ground() { testing::WriteTinyBase(temp.File("base"), 1); }

  RegisteredText Text(const std::string& domain, const std::string& text,
                      const std::string& format = "txt") {
    const std::string path = temp.File(std::to_string(files++));
    testing::WriteFile(path, text);
    return {.domain = domain, .format = format, .path = path};
  }

  absl::Status Measurable(const std::vector<RegisteredText>& texts, int64_t chunk_tokens) {
    return CheckTextsMeasurable(base, texts, chunk_tokens);
  }
};

TEST_CASE("A chunk may be as long as the base's context and no longer", "[probe]") {
  Ground ground;
  const std::vector<RegisteredText> texts = {ground.Text("law", testing::TinyText(0, 200))};
  REQUIRE_OK(ground.Measurable(texts, 64));
  REQUIRE_STATUS(ground.Measurable(texts, 65), absl::StatusCode::kFailedPrecondition,
                 "CHUNK_EXCEEDS_CONTEXT");
  REQUIRE_OK(ground.Measurable({}, 64));  // no text is well, chunks too long are not
  REQUIRE_STATUS(ground.Measurable({}, 4096), absl::StatusCode::kFailedPrecondition,
                 "CHUNK_EXCEEDS_CONTEXT");
}

TEST_CASE("Every text must give both of its parts four chunks", "[probe]") {
  Ground ground;
  const RegisteredText enough = ground.Text("law", testing::TinyText(0, 200));
  const std::string six = Jsonl({"one", "two", "three", "four", "five", "six"});
  REQUIRE_STATUS(ground.Measurable({enough, ground.Text("sea", six, "jsonl")}, 16),
                 absl::StatusCode::kInvalidArgument, "TOO_LITTLE_TEXT");
  RegisteredText general = ground.Text("general", six, "jsonl");
  general.public_class = true;
  REQUIRE_STATUS(ground.Measurable({general, enough}, 16), absl::StatusCode::kInvalidArgument,
                 "TOO_LITTLE_TEXT");
  REQUIRE_OK(ground.Measurable({enough, ground.Text("sea", testing::TinyText(1, 200))}, 16));
  RegisteredText gone = enough;
  gone.path += ".not-there";
  REQUIRE_STATUS(ground.Measurable({gone}, 16), absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
}

TEST_CASE("A document belongs to one domain's text", "[probe]") {
  Ground ground;
  const std::string own = Jsonl({"alpha", "beta", "gamma"});
  REQUIRE_OK_AND_ASSIGN(const DocumentSplit split, SplitProbeText(own, "law", "jsonl"));
  const RegisteredText apart = ground.Text("sea", Jsonl({"delta", "epsilon"}), "jsonl");
  const RegisteredText overlapping = ground.Text("general", Jsonl({"zeta", "beta"}), "jsonl");
  REQUIRE_OK(CheckDocumentsApart("law", split, {}));
  REQUIRE_OK(CheckDocumentsApart("law", split, std::vector{apart}));
  const absl::Status refused = CheckDocumentsApart("law", split, std::vector{apart, overlapping});
  REQUIRE_STATUS(refused, absl::StatusCode::kInvalidArgument, "PROBE_TEXT_OVERLAPS");
  CHECK(std::string(refused.message()).find("1 of its 3") != std::string::npos);
  // Its own earlier text is another matter: PROBE_TEXT_EXISTS.
  const RegisteredText same = ground.Text("law", own, "jsonl");
  REQUIRE_OK(CheckDocumentsApart("law", split, std::vector{same}));
}

}  // namespace
}  // namespace kalavai

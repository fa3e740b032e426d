// Goal: probe text is split by document, chosen by content alone, and refused when it is too small.
// Method: invented documents; orders and limits varied; a table of bad arguments.
#include "common/probe/probe_text.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/tokenizer/tokenizer.h"
#include "common/tokenizer/tokenizer_trainer.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

std::unique_ptr<Tokenizer> Bytes() {
  const std::vector<absl::string_view> texts = {"a"};
  REQUIRE_OK_AND_ASSIGN(const std::string json, TrainTokenizer(texts, 257));
  REQUIRE_OK_AND_ASSIGN(std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Parse(json));
  return tokenizer;
}

ProbeDocuments Domain(const std::string& name, int documents) {
  ProbeDocuments domain = {.domain = name};
  for (int i = 0; i < documents; ++i) {
    domain.documents.push_back(absl::StrCat("{", name, i, "} some words of ", name, " number ", i));
  }
  return domain;
}

const ProbeTextOptions kSmall = {.chunk_tokens = 16, .chunks_per_part = 6};

TEST_CASE("Chunks are grouped by domain and part, capped, and read back", "[probe]") {
  const auto tokenizer = Bytes();
  std::vector<ProbeDocuments> texts = {Domain("law", 60), Domain("music", 60)};
  texts[1].public_class = true;
  REQUIRE_OK_AND_ASSIGN(const ProbeText probe, BuildProbeText(*tokenizer, texts, kSmall));
  REQUIRE(probe.chunk_count() == 24);
  REQUIRE(probe.tokens.size() == 24 * 16);
  REQUIRE(probe.domains[1].public_class);
  REQUIRE(probe.domains[0].router_documents + probe.domains[0].evaluation_documents == 60);
  REQUIRE(probe.ChunksOf(0, ProbePart::kRouter) == std::vector<int64_t>{0, 1, 2, 3, 4, 5});
  REQUIRE(probe.ChunksOf(1, ProbePart::kEvaluation) ==
          std::vector<int64_t>{18, 19, 20, 21, 22, 23});
  // One token a byte, but for the tokens that end documents.
  REQUIRE(probe.BytesPerToken(0) > 0.9);
  REQUIRE(probe.BytesPerToken(0) <= 1.0);
}

TEST_CASE("No document is in both parts", "[probe]") {
  const auto tokenizer = Bytes();
  const std::vector<ProbeDocuments> texts = {Domain("law", 40)};
  REQUIRE_OK_AND_ASSIGN(
      const ProbeText probe,
      BuildProbeText(*tokenizer, texts, {.chunk_tokens = 16, .chunks_per_part = 1000}));
  std::string part_text[2];
  for (int64_t chunk = 0; chunk < probe.chunk_count(); ++chunk) {
    REQUIRE_OK_AND_ASSIGN(const std::string text, tokenizer->Decode(probe.Chunk(chunk)));
    part_text[static_cast<int>(probe.chunk_part[static_cast<size_t>(chunk)])] += text;
  }
  int seen = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string mark = absl::StrCat("{law", i, "}");
    const bool router = part_text[0].find(mark) != std::string::npos;
    const bool evaluation = part_text[1].find(mark) != std::string::npos;
    REQUIRE_FALSE((router && evaluation));
    seen += router || evaluation ? 1 : 0;
  }
  REQUIRE(seen >= 38);  // the last document of a part may be cut off
}

TEST_CASE("The digest depends on content, not on order or repetition", "[probe]") {
  const auto tokenizer = Bytes();
  std::vector<ProbeDocuments> texts = {Domain("law", 60)};
  REQUIRE_OK_AND_ASSIGN(const ProbeText probe, BuildProbeText(*tokenizer, texts, kSmall));
  REQUIRE(probe.digest.size() == 64);
  std::reverse(texts[0].documents.begin(), texts[0].documents.end());
  texts[0].documents.push_back(texts[0].documents[3]);
  REQUIRE_OK_AND_ASSIGN(const ProbeText same, BuildProbeText(*tokenizer, texts, kSmall));
  REQUIRE(same.digest == probe.digest);
  texts[0].public_class = true;
  REQUIRE_OK_AND_ASSIGN(const ProbeText open, BuildProbeText(*tokenizer, texts, kSmall));
  REQUIRE(open.digest != probe.digest);
  REQUIRE_OK_AND_ASSIGN(
      const ProbeText more,
      BuildProbeText(*tokenizer, texts, {.chunk_tokens = 16, .chunks_per_part = 7}));
  REQUIRE(more.digest != open.digest);
}

TEST_CASE("Domains are asked for one after another, to the same text", "[probe]") {
  const auto tokenizer = Bytes();
  const std::vector<ProbeDocuments> texts = {Domain("law", 60), Domain("sea", 60)};
  REQUIRE_OK_AND_ASSIGN(const ProbeText whole, BuildProbeText(*tokenizer, texts, kSmall));
  std::vector<size_t> asked;
  const auto read = [&](size_t domain) -> absl::StatusOr<ProbeDocuments> {
    asked.push_back(domain);
    if (domain == 2) return absl::DataLossError("gone");
    return texts[domain];
  };
  REQUIRE_OK_AND_ASSIGN(const ProbeText probe, BuildProbeText(*tokenizer, 2, read, kSmall));
  CHECK(probe.digest == whole.digest);
  CHECK(probe.tokens == whole.tokens);
  CHECK(asked == std::vector<size_t>{0, 1});
  CHECK(absl::IsDataLoss(BuildProbeText(*tokenizer, 3, read, kSmall).status()));
}

TEST_CASE("Too little probe text is refused with the count", "[probe]") {
  const auto tokenizer = Bytes();
  for (const int documents : {1, 2, 3}) {
    const std::vector<ProbeDocuments> texts = {Domain("law", documents)};
    const auto probe = BuildProbeText(*tokenizer, texts, kSmall);
    REQUIRE_STATUS(probe, absl::StatusCode::kInvalidArgument, "TOO_LITTLE_TEXT");
    REQUIRE(GetErrorDetail(probe.status())->text.metadata.at("needed") == "4");
  }
  REQUIRE_STATUS(BuildProbeText(*tokenizer, std::vector<ProbeDocuments>{{.domain = "law"}}, kSmall),
                 absl::StatusCode::kInvalidArgument, "TEXT_EMPTY");
}

TEST_CASE("Bad arguments are refused", "[probe]") {
  const auto tokenizer = Bytes();
  const std::vector<ProbeDocuments> law = {Domain("law", 60)};
  const std::vector<ProbeDocuments> twice = {law[0], law[0]};
  const std::vector<ProbeDocuments> none;
  REQUIRE_STATUS(BuildProbeText(*tokenizer, none, kSmall), absl::StatusCode::kInvalidArgument,
                 "FIELD_INVALID");
  REQUIRE_STATUS(BuildProbeText(*tokenizer, twice, kSmall), absl::StatusCode::kInvalidArgument,
                 "FIELD_INVALID");
  REQUIRE_STATUS(BuildProbeText(*tokenizer, law, {.chunk_tokens = 1}),
                 absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  REQUIRE_STATUS(BuildProbeText(*tokenizer, law, {.chunks_per_part = 3}),
                 absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
}

}  // namespace
}  // namespace kalavai

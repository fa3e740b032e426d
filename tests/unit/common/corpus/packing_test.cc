// Goal: chunks are the documents' ids one after the other, separated as documented, tail dropped.
// Method: golden tokenizers with and without an end-of-text token, against ids joined by hand.
#include "common/corpus/packing.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

// The golden tokenizer, its end-of-text token under another name when there shall be none.
std::unique_ptr<Tokenizer> GoldenTokenizer(bool with_end_of_text) {
  std::string json = testing::ReadFile(absl::StrCat(KALAVAI_GOLDEN_DIR, "/tokenizer/trained.json"));
  if (!with_end_of_text) json = absl::StrReplaceAll(json, {{"<|endoftext|>", "<|other|>"}});
  auto tokenizer = Tokenizer::Parse(json);
  REQUIRE_OK(tokenizer);
  return *std::move(tokenizer);
}

std::vector<Document> Sample() {
  return {MakeDocument("The patient was given 250 mg."), MakeDocument("Bore da."),
          MakeDocument("Signed on 3 May.")};
}

std::vector<int32_t> Ids(const Tokenizer& tokenizer, const std::string& text) {
  auto ids = tokenizer.Encode(text);
  REQUIRE_OK(ids);
  return *std::move(ids);
}

void Append(std::vector<int32_t>& stream, const std::vector<int32_t>& ids) {
  stream.insert(stream.end(), ids.begin(), ids.end());
}

void RequireChunks(const TokenChunks& chunks, std::vector<int32_t> stream, int64_t chunk_tokens) {
  const int64_t count = static_cast<int64_t>(stream.size()) / chunk_tokens;
  REQUIRE(count > 1);
  REQUIRE(chunks.chunk_tokens == chunk_tokens);
  REQUIRE(chunks.count() == count);
  stream.resize(static_cast<size_t>(count * chunk_tokens));
  REQUIRE(chunks.tokens == stream);
  REQUIRE(chunks.chunk(1).data() == chunks.tokens.data() + chunk_tokens);
  REQUIRE(static_cast<int64_t>(chunks.chunk(1).size()) == chunk_tokens);
}

TEST_CASE("Each document is followed by the end-of-text token") {
  const auto tokenizer = GoldenTokenizer(/*with_end_of_text=*/true);
  std::vector<int32_t> stream;
  for (const Document& document : Sample()) {
    Append(stream, Ids(*tokenizer, document.text));
    stream.push_back(*tokenizer->EndOfTextId());
  }
  for (const int64_t chunk_tokens : {2, 7, 8}) {
    REQUIRE_OK_AND_ASSIGN(const TokenChunks chunks, PackChunks(*tokenizer, Sample(), chunk_tokens));
    RequireChunks(chunks, stream, chunk_tokens);
  }
}

TEST_CASE("Without an end-of-text token a blank line separates documents") {
  const auto tokenizer = GoldenTokenizer(/*with_end_of_text=*/false);
  REQUIRE_FALSE(tokenizer->EndOfTextId().has_value());
  std::vector<int32_t> stream;
  for (const Document& document : Sample()) {
    if (!stream.empty()) Append(stream, Ids(*tokenizer, "\n\n"));
    Append(stream, Ids(*tokenizer, document.text));
  }
  REQUIRE_OK_AND_ASSIGN(const TokenChunks chunks, PackChunks(*tokenizer, Sample(), 5));
  RequireChunks(chunks, stream, 5);
}

TEST_CASE("The reference packing cuts texts, joins them and encodes once") {
  const auto tokenizer = GoldenTokenizer(/*with_end_of_text=*/true);
  REQUIRE_OK_AND_ASSIGN(const TokenChunks chunks, ReferencePacking(*tokenizer, Sample(), 4, 10));
  RequireChunks(chunks, Ids(*tokenizer, "The patien\n\nBore da.\n\nSigned on "), 4);
}

TEST_CASE("Reference packing joins every text, empty ones too, whole") {
  const auto tokenizer = GoldenTokenizer(/*with_end_of_text=*/true);
  const std::string text(6000, 'a');
  const std::vector<Document> texts = {MakeDocument(""), MakeDocument(text), MakeDocument("b")};
  REQUIRE_OK_AND_ASSIGN(const TokenChunks chunks, ReferencePacking(*tokenizer, texts, 2));
  RequireChunks(chunks, Ids(*tokenizer, "\n\n" + text + "\n\nb"), 2);
}

TEST_CASE("Text shorter than a chunk gives none, and chunks of one token are refused") {
  const auto tokenizer = GoldenTokenizer(/*with_end_of_text=*/true);
  REQUIRE_OK_AND_ASSIGN(const TokenChunks none, PackChunks(*tokenizer, Sample(), 4096));
  REQUIRE(none.count() == 0);
  REQUIRE_OK_AND_ASSIGN(const TokenChunks empty, PackChunks(*tokenizer, {}, 8));
  REQUIRE(empty.count() == 0);
  for (const int64_t chunk_tokens : {1, 0, -3}) {
    REQUIRE_STATUS(PackChunks(*tokenizer, Sample(), chunk_tokens),
                   absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
    REQUIRE_STATUS(ReferencePacking(*tokenizer, Sample(), chunk_tokens),
                   absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  }
}

}  // namespace
}  // namespace kalavai

// Goal: ids and texts are those of Hugging Face's tokenizers, also from several threads.
// Method: golden lines for tokenizers of three families; streaming against whole decoding; bad
// input.
#include "common/tokenizer/tokenizer.h"

#include <string>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/common/tokenizer/golden_lines.h"

namespace kalavai {
namespace {

using testing::GoldenLines;
using testing::TokenizerGolden;

std::unique_ptr<Tokenizer> GoldenTokenizer(const std::string& name) {
  auto tokenizer = Tokenizer::Parse(TokenizerGolden(name + ".json"));
  REQUIRE_OK(tokenizer);
  return *std::move(tokenizer);
}

TEST_CASE("Golden lines get the ids and texts of Hugging Face's tokenizers") {
  for (const std::string name : {"neox", "digits", "qwen", "trained"}) {
    const auto tokenizer = GoldenTokenizer(name);
    for (const nlohmann::json& row : GoldenLines()) {
      const std::string text = row.at("text");
      INFO(name << ": " << text);
      REQUIRE_OK_AND_ASSIGN(const std::vector<int32_t> ids, tokenizer->Encode(text));
      REQUIRE(ids == row.at(name).get<std::vector<int32_t>>());
      REQUIRE_OK_AND_ASSIGN(const std::string decoded, tokenizer->Decode(ids));
      REQUIRE(decoded == row.value(name + "_text", text));
    }
  }
}

TEST_CASE("Encoding twice, and from several threads, gives the same ids") {
  const auto tokenizer = GoldenTokenizer("neox");
  const std::vector<nlohmann::json> rows = GoldenLines();
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 3; ++round) {
        for (const nlohmann::json& row : rows) {
          const auto ids = tokenizer->Encode(row.at("text").get_ref<const std::string&>());
          if (!ids.ok() || *ids != row.at("neox").get<std::vector<int32_t>>()) ++wrong[t];
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(wrong == std::vector<int>(4, 0));
}

TEST_CASE("Streamed characters are whole and join to the decoded text") {
  const auto tokenizer = GoldenTokenizer("neox");
  for (const nlohmann::json& row : GoldenLines()) {
    const std::vector<int32_t> ids = row.at("neox");
    StreamingDecoder decoder(*tokenizer);
    std::string joined;
    for (const int32_t id : ids) {
      REQUIRE_OK_AND_ASSIGN(const std::string part, decoder.Push(id));
      REQUIRE(part.find("\xEF\xBF\xBD") == std::string::npos);
      joined += part;
    }
    joined += decoder.Finish();
    REQUIRE_OK_AND_ASSIGN(const std::string whole, tokenizer->Decode(ids));
    REQUIRE(joined == whole);
  }
}

TEST_CASE("A character that never ends becomes one replacement character") {
  const auto tokenizer = GoldenTokenizer("trained");
  int32_t lead = -1;
  for (int32_t id = 0; id < 257; ++id) {
    if (tokenizer->TokenBytes(id) == "\xF0") lead = id;
  }
  REQUIRE(lead > 0);
  StreamingDecoder decoder(*tokenizer);
  REQUIRE_OK_AND_ASSIGN(const std::string part, decoder.Push(lead));
  REQUIRE(part.empty());
  REQUIRE(decoder.Finish() == "\xEF\xBF\xBD");
  REQUIRE(decoder.Finish().empty());
}

TEST_CASE("Text that is no UTF-8 and ids without a token are refused") {
  const auto tokenizer = GoldenTokenizer("neox");
  const auto ids = tokenizer->Encode("abc\xFFzz");
  REQUIRE_STATUS(ids, absl::StatusCode::kInvalidArgument, "TEXT_NOT_UTF8");
  REQUIRE(GetErrorDetail(ids.status())->text.metadata.at("offset") == "3");
  for (const int32_t id : {-1, tokenizer->VocabularySize(), 2147483647}) {
    REQUIRE_FALSE(tokenizer->HasToken(id));
    REQUIRE_STATUS(tokenizer->Decode(std::vector<int32_t>{id}), absl::StatusCode::kInvalidArgument,
                   "FIELD_INVALID");
  }
}

TEST_CASE("The tokenizer knows its size, its specials and its digest") {
  const auto tokenizer = GoldenTokenizer("neox");
  REQUIRE(tokenizer->EndOfTextId() == 0);
  REQUIRE(tokenizer->IsSpecial(0));
  REQUIRE_FALSE(tokenizer->IsSpecial(5));
  REQUIRE(tokenizer->TokenBytes(0) == "<|endoftext|>");
  REQUIRE(tokenizer->HasToken(tokenizer->VocabularySize() - 1));
  REQUIRE(tokenizer->digest() == Sha256Of(TokenizerGolden("neox.json")));
  REQUIRE_STATUS(Tokenizer::Load("/nonexistent/tokenizer.json"), absl::StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
  REQUIRE_OK(Tokenizer::Load(std::string(KALAVAI_GOLDEN_DIR) + "/tokenizer/qwen.json"));
}

}  // namespace
}  // namespace kalavai

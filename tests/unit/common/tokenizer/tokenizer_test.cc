// Goal: ids and texts are those of Hugging Face's tokenizers, also from several threads.
// Method: golden and hard lines for tokenizers of five families; streaming against whole decoding;
// bad input.
#include "common/tokenizer/tokenizer.h"

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "common/base/utf8.h"
#include "tests/support/catch.h"
#include "tests/unit/common/tokenizer/golden_lines.h"

namespace kalavai {
namespace {

using testing::GoldenLines;
using testing::HardLines;
using testing::TokenizerGolden;

std::unique_ptr<Tokenizer> GoldenTokenizer(const std::string& name) {
  auto tokenizer = Tokenizer::Parse(TokenizerGolden(name + ".json"));
  REQUIRE_OK(tokenizer);
  return *std::move(tokenizer);
}

constexpr std::array<const char*, 7> kGoldens = {"neox",   "digits", "qwen",     "trained",
                                                 "llama3", "llama2", "metaspace"};

TEST_CASE("Golden and hard lines get the ids and texts of Hugging Face's tokenizers") {
  std::vector<nlohmann::json> rows = GoldenLines();
  for (nlohmann::json& row : HardLines()) rows.push_back(std::move(row));
  for (const std::string name : kGoldens) {
    const auto tokenizer = GoldenTokenizer(name);
    for (const nlohmann::json& row : rows) {
      const std::string text = row.at("text");
      INFO(name << ": " << row.at("text").dump(-1, ' ', true));
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
  std::vector<nlohmann::json> rows = GoldenLines();
  for (nlohmann::json& row : HardLines()) rows.push_back(std::move(row));
  for (const std::string name : kGoldens) {
    const auto tokenizer = GoldenTokenizer(name);
    for (const nlohmann::json& row : rows) {
      const std::vector<int32_t> ids = row.at(name);
      StreamingDecoder decoder(*tokenizer);
      std::string joined;
      for (const int32_t id : ids) {
        REQUIRE_OK_AND_ASSIGN(const std::string part, decoder.Push(id));
        REQUIRE_OK(CheckUtf8(part));
        joined += part;
      }
      joined += decoder.Finish();
      REQUIRE_OK_AND_ASSIGN(const std::string whole, tokenizer->Decode(ids));
      REQUIRE(joined == whole);
    }
  }
}

TEST_CASE("A run of fallback bytes is text as a whole, or each is a replacement character") {
  const auto tokenizer = GoldenTokenizer("llama2");
  std::vector<int32_t> byte_ids(256, -1);
  for (int32_t id = 0; id < tokenizer->VocabularySize(); ++id) {
    if (!tokenizer->IsByteFallback(id)) continue;
    byte_ids[static_cast<unsigned char>(tokenizer->TokenBytes(id)[0])] = id;
  }
  const std::vector<int32_t> euro = {byte_ids[0xE2], byte_ids[0x82], byte_ids[0xAC]};
  REQUIRE_OK_AND_ASSIGN(const std::string whole, tokenizer->Decode(euro));
  REQUIRE(whole == "\u20ac");
  REQUIRE_OK_AND_ASSIGN(const std::string broken,
                        tokenizer->Decode(std::vector<int32_t>{euro[0], euro[1], euro[0]}));
  REQUIRE(broken == "\uFFFD\uFFFD\uFFFD");
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

// Goal: a file outside the family, or one that contradicts itself, is refused by name.
// Method: a golden tokenizer.json with one change at a time.
#include "common/tokenizer/tokenizer_definition.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/common/tokenizer/golden_lines.h"

namespace kalavai {
namespace {

using nlohmann::json;

TEST_CASE("A changed file is refused, and the error names what") {
  struct Row {
    std::string pointer;  // RFC 6901; what is set there
    std::string value;
    std::string reason;
    std::string component = {};
  };
  const std::string unsupported = "TOKENIZER_UNSUPPORTED";
  const std::string invalid = "TOKENIZER_INVALID";
  const std::vector<Row> rows = {
      {"/normalizer", R"({"type":"NFKC"})", unsupported, "normalizer"},
      {"/normalizer", R"({"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"}]})",
       unsupported, "normalizer"},
      {"/normalizer", "7", unsupported, "normalizer"},
      {"/pre_tokenizer", "null", unsupported, "pre_tokenizer"},
      {"/pre_tokenizer", R"({"type":"Metaspace"})", unsupported, "pre_tokenizer"},
      {"/pre_tokenizer/add_prefix_space", "true", unsupported, "pre_tokenizer"},
      {"/pre_tokenizer",
       R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(a+)+b"},)"
       R"("behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false}]})",
       unsupported, "pre_tokenizer.pattern"},
      {"/pre_tokenizer",
       R"({"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":false},)"
       R"({"type":"Digits","individual_digits":true}]})",
       unsupported, "pre_tokenizer"},
      {"/post_processor", R"({"type":"Other"})", unsupported, "post_processor"},
      {"/post_processor",
       R"({"type":"Sequence","processors":[{"type":"ByteLevel"},{"type":"Other"}]})", unsupported,
       "post_processor"},
      {"/version", R"("2.0")", unsupported, "version"},
      {"/version", "1", unsupported, "version"},
      {"/pre_tokenizer",
       R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\p{N}"},)"
       R"("behavior":"Removed","invert":true},{"type":"ByteLevel","add_prefix_space":false}]})",
       unsupported, "pre_tokenizer.behavior"},
      {"/pre_tokenizer",
       R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"String":" "},)"
       R"("behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false}]})",
       unsupported, "pre_tokenizer.pattern"},
      {"/normalizer", R"({"type":"Prepend","prepend":"\u2581"})", unsupported, "normalizer"},
      {"/decoder", R"({"type":"Sequence","decoders":[]})", unsupported, "decoder"},
      {"/decoder", "null", unsupported, "decoder"},
      {"/truncation", R"({"max_length":8})", unsupported, "truncation"},
      {"/padding", R"({"pad_id":0})", unsupported, "padding"},
      {"/model/type", R"("Unigram")", unsupported, "model"},
      {"/model", "null", unsupported, "model"},
      {"/model/dropout", "0.1", unsupported, "model.dropout"},
      {"/model/end_of_word_suffix", R"("</w>")", unsupported, "model.end_of_word_suffix"},
      {"/model/continuing_subword_prefix", R"("##")", unsupported,
       "model.continuing_subword_prefix"},
      {"/model/unk_token", R"("<none>")", invalid},
      {"/model/unk_token", "7", invalid},
      {"/added_tokens/0/single_word", "true", unsupported, "added_tokens.single_word"},
      {"/added_tokens/1/id", "900", invalid},  // not the next after the vocabulary
      {"/model/vocab", "{}", invalid},
      {"/model/vocab", "[]", invalid},
      {"/model/vocab/new", "3", invalid},
      {"/model/vocab/new", "-1", invalid},
      {"/model/vocab/new", "1.5", invalid},
      {"/model/vocab/new", "4000000", invalid},
      {"/model/vocab/", "900", invalid},
      {"/model/merges", "{}", invalid},
      {"/model/merges/0", R"(["a"])", invalid},
      {"/model/merges/0", R"("a b c")", invalid},
      {"/model/merges/0", R"(["a","\u65e5"])", invalid},
      {"/model/merges/1", "duplicate", invalid},
      {"/added_tokens", "{}", invalid},
      {"/added_tokens/0/content", R"("")", invalid},
      {"/added_tokens/0/id", "1", invalid},
      {"/added_tokens/1/id", "3", invalid},
      {"/added_tokens/1/content", R"("<|endoftext|>")", invalid},
  };
  const json golden = json::parse(testing::TokenizerGolden("neox.json"));
  REQUIRE_OK(ReadTokenizerDefinition(golden.dump()));
  for (const Row& row : rows) {
    INFO(row.pointer << " = " << row.value);
    json changed = golden;
    const json value =
        row.value == "duplicate" ? golden["model"]["merges"][0] : json::parse(row.value);
    changed[json::json_pointer(row.pointer)] = value;
    const auto definition = ReadTokenizerDefinition(changed.dump());
    REQUIRE_STATUS(definition, absl::StatusCode::kInvalidArgument, row.reason);
    const auto detail = GetErrorDetail(definition.status());
    if (!row.component.empty()) REQUIRE(detail->text.metadata.at("component") == row.component);
  }
}

TEST_CASE("A vocabulary of characters is taken in known forms only") {
  const json golden = json::parse(testing::TokenizerGolden("llama2.json"));
  REQUIRE_OK_AND_ASSIGN(const TokenizerDefinition definition,
                        ReadTokenizerDefinition(golden.dump()));
  REQUIRE(definition.alphabet == Alphabet::kCharacters);
  REQUIRE(definition.prefix == Prefix::kEachText);
  REQUIRE(definition.decoder_strips_space);
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"/model/byte_fallback", "false"},
      {"/decoder", R"({"type":"ByteLevel"})"},
      {"/decoder/decoders/3/start", "2"},
      {"/decoder/decoders/0/content", R"("_")"},
      {"/normalizer/normalizers/0/prepend", R"("_")"},
      {"/normalizer/normalizers/1/pattern/String", R"("_")"},
      {"/normalizer", "null"},
      {"/pre_tokenizer", R"({"type":"Metaspace","replacement":"\u2581","split":false})"},
  };
  for (const auto& [pointer, value] : rows) {
    INFO(pointer << " = " << value);
    json changed = golden;
    changed[json::json_pointer(pointer)] = json::parse(value);
    REQUIRE_STATUS(ReadTokenizerDefinition(changed.dump()), absl::StatusCode::kInvalidArgument,
                   "TOKENIZER_UNSUPPORTED");
  }
}

TEST_CASE("What is no JSON is refused") {
  for (const std::string text : {"", "{", "[]]", "{\"a\":1,\"a\":2}"}) {
    REQUIRE_STATUS(ReadTokenizerDefinition(text), absl::StatusCode::kInvalidArgument,
                   "JSON_INVALID");
  }
  REQUIRE_STATUS(ReadTokenizerDefinition("[]"), absl::StatusCode::kInvalidArgument,
                 "TOKENIZER_UNSUPPORTED");
}

}  // namespace
}  // namespace kalavai

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/utf8.h"
#include "common/tokenizer/tokenizer.h"
#include "common/tokenizer/tokenizer_definition.h"
#include "tests/fuzz/fuzz_targets.h"

namespace kalavai::fuzz {
namespace {

// Letters with marks, digits, blanks, a script without blanks, an emoji, a special token.
constexpr char kText[] = "Nai\xCC\x88ve 1234  \xE5\xAD\x97\r\n\tIt's\xF0\x9F\x98\x80<|endoftext|>";

void CheckRefusal(const absl::Status& status) {
  const std::string reason = GetErrorReason(status);
  KALAVAI_CHECK(reason == "TOKENIZER_UNSUPPORTED" || reason == "TOKENIZER_INVALID" ||
                    reason == "JSON_INVALID",
                "a refusal has its reason");
}

void CheckStreaming(const Tokenizer& tokenizer, const std::vector<int32_t>& ids,
                    const std::string& decoded) {
  StreamingDecoder decoder(tokenizer);
  std::string text;
  for (const int32_t id : ids) {
    const auto part = decoder.Push(id);
    KALAVAI_CHECK(part.ok() && CheckUtf8(*part).ok(), "every id decodes to characters");
    text += *part;
  }
  text += decoder.Finish();
  KALAVAI_CHECK(text == decoded, "piece by piece it is the same text");
}

void CheckText(const Tokenizer& tokenizer, const TokenizerDefinition& definition,
               absl::string_view text) {
  const auto ids = tokenizer.Encode(text);
  if (!CheckUtf8(text).ok()) {
    KALAVAI_CHECK(GetErrorReason(ids.status()) == "TEXT_NOT_UTF8", "only UTF-8 is text");
    return;
  }
  KALAVAI_CHECK(ids.ok(), "any text can be encoded");
  for (const int32_t id : *ids) {
    KALAVAI_CHECK(id >= 0 && id < tokenizer.VocabularySize() && tokenizer.HasToken(id),
                  "an id has a token");
  }
  const auto decoded = tokenizer.Decode(*ids);
  KALAVAI_CHECK(decoded.ok(), "what was encoded can be decoded");
  CheckStreaming(tokenizer, *ids, *decoded);
  KALAVAI_CHECK(tokenizer.Encode(text).value() == *ids, "a cache changes nothing");
  // An added token is decoded by its spelling in the byte alphabet, NFC rewrites the text, and
  // bytes that have no token are lost.
  const bool whole = std::all_of(definition.byte_ids.begin(), definition.byte_ids.end(),
                                 [](int32_t id) { return id >= 0; });
  const bool added =
      std::any_of(definition.added.begin(), definition.added.end(),
                  [&](const AddedToken& token) { return absl::StrContains(text, token.content); });
  if (!definition.nfc && !added && whole) KALAVAI_CHECK(*decoded == text, "decoded it is the text");
}

}  // namespace

void FuzzTokenizer(absl::string_view input) {
  const size_t nul = input.find('\0');
  const absl::string_view json = input.substr(0, nul);
  const auto definition = ReadTokenizerDefinition(json);
  if (!definition.ok()) return CheckRefusal(definition.status());
  const auto tokenizer = Tokenizer::Parse(json);
  KALAVAI_CHECK(tokenizer.ok(), "a definition makes a tokenizer");
  KALAVAI_CHECK((*tokenizer)->VocabularySize() == static_cast<int32_t>(definition->tokens.size()),
                "a vocabulary has the size of its table");
  CheckText(**tokenizer, *definition, kText);
  if (nul != absl::string_view::npos) {
    CheckText(**tokenizer, *definition, input.substr(nul + 1));
  }
}

}  // namespace kalavai::fuzz

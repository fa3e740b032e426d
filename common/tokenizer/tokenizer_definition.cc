#include "common/tokenizer/tokenizer_definition.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/tokenizer/byte_alphabet.h"
#include "common/tokenizer/pre_tokenizer.h"

namespace kalavai {
namespace {

using Json = nlohmann::json;
using IdByText = absl::flat_hash_map<std::string, int32_t>;

// Far above any model's; bounds the table of tokens by id.
constexpr int64_t kIdMax = 4'000'000;

absl::Status Unsupported(absl::string_view component, absl::string_view found,
                         absl::string_view rule) {
  const std::string printable = absl::CHexEscape(found.substr(0, 200));
  return MakeError(
      absl::StatusCode::kInvalidArgument, "TOKENIZER_UNSUPPORTED",
      {.what = absl::StrCat("tokenizer.json: `", component, "` is '", printable, "'; ", rule),
       .why = "leaving it out would give other token ids than the file means",
       .fix = "use a base of the GPT-NeoX, GPT-2, OLMo, SmolLM2 or Qwen family",
       .metadata = {{"component", std::string(component)}, {"found", printable}}});
}

absl::Status Invalid(const std::string& what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "TOKENIZER_INVALID",
                   {.what = absl::StrCat("tokenizer.json: ", what),
                    .why = "the file contradicts itself, and token ids would depend on the reader",
                    .fix = "fetch the file again from its source",
                    .metadata = {}});
}

// Returns the member, or null when there is none.
const Json& Member(const Json& object, const char* name) {
  static const Json& null = *new Json();
  if (!object.is_object()) return null;
  const auto found = object.find(name);
  return found == object.end() ? null : *found;
}

std::string TypeOf(const Json& component) {
  const Json& type = Member(component, "type");
  return type.is_string() ? type.get<std::string>() : "";
}

bool FlagOr(const Json& object, const char* name, bool otherwise) {
  const Json& flag = Member(object, name);
  return flag.is_boolean() ? flag.get<bool>() : otherwise;
}

// Absent, null or "".
bool IsEmpty(const Json& value) {
  return value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty());
}

// A component, or the components of a Sequence, whose member `list` names them.
std::vector<const Json*> Components(const Json& component, const char* list) {
  std::vector<const Json*> components;
  if (component.is_null()) return components;
  if (TypeOf(component) != "Sequence" || !Member(component, list).is_array()) return {&component};
  for (const Json& each : Member(component, list)) components.push_back(&each);
  return components;
}

absl::Status ReadNormalizer(const Json& root, TokenizerDefinition& definition) {
  for (const Json* component : Components(Member(root, "normalizer"), "normalizers")) {
    if (TypeOf(*component) != "NFC") {
      return Unsupported("normalizer", TypeOf(*component), "must be absent or 'NFC'");
    }
    definition.nfc = true;
  }
  return absl::OkStatus();
}

absl::Status ReadSplit(const Json& component, TokenizerDefinition& definition) {
  const Json& pattern = Member(Member(component, "pattern"), "Regex");
  if (!pattern.is_string() || !PreTokenizer::Knows(pattern.get<std::string>())) {
    return Unsupported("pre_tokenizer.pattern", Member(component, "pattern").dump(),
                       "must be one of the known regular expressions");
  }
  if (Member(component, "behavior") != "Isolated" || FlagOr(component, "invert", false)) {
    return Unsupported("pre_tokenizer.behavior", component.dump(),
                       "must be 'Isolated', not inverted");
  }
  definition.patterns.push_back(pattern.get<std::string>());
  return absl::OkStatus();
}

absl::Status ReadPreTokenizer(const Json& root, TokenizerDefinition& definition) {
  bool byte_level = false;
  for (const Json* component : Components(Member(root, "pre_tokenizer"), "pretokenizers")) {
    const std::string type = TypeOf(*component);
    if (byte_level) return Unsupported("pre_tokenizer", type, "must not follow 'ByteLevel'");
    if (type == "Split") {
      RETURN_IF_ERROR(ReadSplit(*component, definition));
    } else if (type == "Digits" && FlagOr(*component, "individual_digits", false)) {
      definition.patterns.emplace_back(kDigitPattern);
    } else if (type == "ByteLevel" && !FlagOr(*component, "add_prefix_space", true)) {
      byte_level = true;
      if (FlagOr(*component, "use_regex", true)) definition.patterns.emplace_back(kGpt2Pattern);
    } else {
      return Unsupported("pre_tokenizer", component->dump(),
                         "must be 'Split', 'Digits' of individual digits, or 'ByteLevel' without "
                         "a prefix space");
    }
  }
  if (!byte_level) return Unsupported("pre_tokenizer", "", "must end with 'ByteLevel'");
  return absl::OkStatus();
}

absl::Status CheckOtherComponents(const Json& root) {
  for (const char* name : {"truncation", "padding"}) {
    if (!Member(root, name).is_null()) return Unsupported(name, "set", "must be null");
  }
  const Json& post = Member(root, "post_processor");
  if (!post.is_null() && TypeOf(post) != "ByteLevel") {
    return Unsupported("post_processor", TypeOf(post), "must be absent or 'ByteLevel'");
  }
  if (TypeOf(Member(root, "decoder")) != "ByteLevel") {
    return Unsupported("decoder", TypeOf(Member(root, "decoder")), "must be 'ByteLevel'");
  }
  const Json& model = Member(root, "model");
  if (TypeOf(model) != "BPE") return Unsupported("model", TypeOf(model), "must be 'BPE'");
  const Json& dropout = Member(model, "dropout");
  if (!dropout.is_null() && dropout != 0.0) {
    return Unsupported("model.dropout", dropout.dump(), "must be null");
  }
  for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!IsEmpty(Member(model, name))) {
      return Unsupported(absl::StrCat("model.", name), Member(model, name).dump(),
                         "must be absent or empty");
    }
  }
  if (FlagOr(model, "byte_fallback", false)) {
    return Unsupported("model.byte_fallback", "true", "must be false");
  }
  return absl::OkStatus();
}

absl::Status CheckId(const Json& id, absl::string_view text) {
  if (id.is_number_unsigned() && id.get<uint64_t>() < static_cast<uint64_t>(kIdMax)) {
    return absl::OkStatus();
  }
  return Invalid(absl::StrCat("the id of token '", absl::CHexEscape(text.substr(0, 80)),
                              "' must be an integer from 0 to ", kIdMax - 1));
}

// Enters a token under its id; an id has one token.
absl::Status Place(const std::string& text, int32_t id, TokenizerDefinition& definition) {
  const auto index = static_cast<size_t>(id);
  if (index >= definition.tokens.size()) definition.tokens.resize(index + 1);
  if (!definition.tokens[index].empty()) {
    return Invalid(absl::StrCat("id ", id, " has two tokens, the second '",
                                absl::CHexEscape(text.substr(0, 80)), "'"));
  }
  definition.tokens[index] = BytesOfTokenText(text);
  return absl::OkStatus();
}

absl::StatusOr<IdByText> ReadVocabulary(const Json& model, TokenizerDefinition& definition) {
  const Json& vocabulary = Member(model, "vocab");
  if (!vocabulary.is_object()) return Invalid("`model.vocab` must be an object");
  IdByText ids;
  ids.reserve(vocabulary.size());
  for (const auto& [text, id] : vocabulary.items()) {
    RETURN_IF_ERROR(CheckId(id, text));
    if (text.empty()) return Invalid("a token must not be empty");
    RETURN_IF_ERROR(Place(text, id.get<int32_t>(), definition));
    ids[text] = id.get<int32_t>();
  }
  for (size_t byte = 0; byte < 256; ++byte) {
    const auto found = ids.find(CharacterOfByte(static_cast<uint8_t>(byte)));
    definition.byte_ids[byte] = found == ids.end() ? -1 : found->second;
    const bool occurs = byte != 0xC0 && byte != 0xC1 && byte < 0xF5;  // in valid UTF-8
    if (found == ids.end() && occurs) {
      return Unsupported("model.vocab", absl::StrCat("without byte ", byte),
                         "must have a token for every byte, so that any text can be encoded");
    }
  }
  return ids;
}

// "a b", or ["a", "b"] since tokenizers 0.20.
absl::StatusOr<std::pair<std::string, std::string>> ReadPair(const Json& merge) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return std::pair(merge[0].get<std::string>(), merge[1].get<std::string>());
  }
  if (merge.is_string()) {
    const std::string text = merge.get<std::string>();
    const size_t space = text.find(' ');
    if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
      return std::pair(text.substr(0, space), text.substr(space + 1));
    }
  }
  return Invalid(absl::StrCat("merge ", absl::CHexEscape(merge.dump().substr(0, 80)),
                              " must be a pair of tokens"));
}

absl::Status ReadMerges(const Json& model, const IdByText& ids, TokenizerDefinition& definition) {
  const Json& merges = Member(model, "merges");
  if (!merges.is_array()) return Invalid("`model.merges` must be an array");
  absl::flat_hash_set<std::pair<int32_t, int32_t>> pairs;
  definition.merges.reserve(merges.size());
  for (const Json& merge : merges) {
    ASSIGN_OR_RETURN(const auto pair, ReadPair(merge));
    const auto left = ids.find(pair.first);
    const auto right = ids.find(pair.second);
    const auto result = ids.find(absl::StrCat(pair.first, pair.second));
    if (left == ids.end() || right == ids.end() || result == ids.end()) {
      return Invalid(absl::StrCat("merge ", absl::CHexEscape(merge.dump().substr(0, 80)),
                                  " names a token that is not in `model.vocab`"));
    }
    if (!pairs.emplace(left->second, right->second).second) {
      return Invalid(
          absl::StrCat("merge ", absl::CHexEscape(merge.dump().substr(0, 80)), " occurs twice"));
    }
    definition.merges.push_back(
        {.left = left->second, .right = right->second, .result = result->second});
  }
  return absl::OkStatus();
}

absl::Status ReadAddedTokens(const Json& root, const IdByText& ids,
                             TokenizerDefinition& definition) {
  const Json& tokens = Member(root, "added_tokens");
  if (!tokens.is_null() && !tokens.is_array()) return Invalid("`added_tokens` must be an array");
  absl::flat_hash_set<std::string> contents;
  for (const Json& json : tokens) {
    const Json& content = Member(json, "content");
    if (IsEmpty(content) || !content.is_string()) {
      return Invalid("an added token must have a `content`");
    }
    AddedToken token{.content = content.get<std::string>(),
                     .special = FlagOr(json, "special", false),
                     .normalized = FlagOr(json, "normalized", true)};
    for (const char* flag : {"single_word", "lstrip", "rstrip"}) {
      if (FlagOr(json, flag, false)) {
        return Unsupported(absl::StrCat("added_tokens.", flag), token.content, "must be false");
      }
    }
    RETURN_IF_ERROR(CheckId(Member(json, "id"), token.content));
    token.id = Member(json, "id").get<int32_t>();
    const auto in_vocabulary = ids.find(token.content);
    if (!contents.insert(token.content).second) {
      return Invalid(absl::StrCat("added token '", absl::CHexEscape(token.content.substr(0, 80)),
                                  "' occurs twice"));
    }
    if (in_vocabulary == ids.end()) {
      RETURN_IF_ERROR(Place(token.content, token.id, definition));
    } else if (in_vocabulary->second != token.id) {
      return Invalid(absl::StrCat("token '", absl::CHexEscape(token.content.substr(0, 80)),
                                  "' has id ", in_vocabulary->second, " in `model.vocab` and ",
                                  token.id, " in `added_tokens`"));
    }
    definition.added.push_back(std::move(token));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenizerDefinition> ReadTokenizerDefinition(absl::string_view tokenizer_json) {
  ASSIGN_OR_RETURN(const Json root,
                   ReadJson(tokenizer_json, {.bytes_max = limits::kTokenizerBytesMax}));
  TokenizerDefinition definition;
  RETURN_IF_ERROR(CheckOtherComponents(root));
  RETURN_IF_ERROR(ReadNormalizer(root, definition));
  RETURN_IF_ERROR(ReadPreTokenizer(root, definition));
  const Json& model = Member(root, "model");
  definition.ignore_merges = FlagOr(model, "ignore_merges", false);
  ASSIGN_OR_RETURN(const IdByText ids, ReadVocabulary(model, definition));
  RETURN_IF_ERROR(ReadMerges(model, ids, definition));
  RETURN_IF_ERROR(ReadAddedTokens(root, ids, definition));
  return definition;
}

}  // namespace kalavai

#include "common/tokenizer/tokenizer_definition.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/tokenizer/byte_alphabet.h"
#include "common/tokenizer/normalization.h"
#include "common/tokenizer/pre_tokenizer.h"
#include "common/tokenizer/unicode_classes.h"

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
       .fix = "use a base of the GPT-NeoX, GPT-2, OLMo, SmolLM2, Qwen or Llama family",
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

bool Is(const Json& value, absl::string_view text) {
  return value.is_string() && value.get_ref<const std::string&>() == text;
}

// A "Replace" of exactly one string by another.
bool Replaces(const Json& component, absl::string_view from, absl::string_view to) {
  return TypeOf(component) == "Replace" &&
         Is(Member(Member(component, "pattern"), "String"), from) &&
         Is(Member(component, "content"), to);
}

absl::Status ReadNormalizer(const Json& root, TokenizerDefinition& definition) {
  for (const Json* component : Components(Member(root, "normalizer"), "normalizers")) {
    if (TypeOf(*component) == "NFC") {
      definition.nfc = true;
    } else if (Replaces(*component, " ", kMetaSpace)) {
      definition.metaspace_normalizes = true;
    } else if (TypeOf(*component) == "Prepend" && Is(Member(*component, "prepend"), kMetaSpace)) {
      definition.prefix = Prefix::kEachText;
    } else {
      return Unsupported("normalizer", component->dump(),
                         "must be absent, 'NFC', or 'Prepend' and 'Replace' that write spaces as "
                         "U+2581");
    }
  }
  if (definition.prefix != Prefix::kNone && !definition.metaspace_normalizes) {
    return Unsupported("normalizer", "Prepend", "must come with 'Replace' of spaces");
  }
  if (definition.nfc && definition.metaspace_normalizes) {
    return Unsupported("normalizer", "NFC", "must not come with 'Replace' of spaces");
  }
  return absl::OkStatus();
}

absl::Status ReadSplit(const Json& component, TokenizerDefinition& definition) {
  const Json& pattern = Member(Member(component, "pattern"), "Regex");
  const std::optional<CutRule> rule =
      pattern.is_string() ? CutRuleOf(pattern.get<std::string>()) : std::nullopt;
  if (!rule.has_value()) {
    return Unsupported("pre_tokenizer.pattern", Member(component, "pattern").dump(),
                       "must be one of the known regular expressions");
  }
  const bool inverted = FlagOr(component, "invert", false);
  const bool isolated = Is(Member(component, "behavior"), "Isolated") && !inverted;
  // What is removed is what lies between the matches: nothing.
  const bool all = Is(Member(component, "behavior"), "Removed") && inverted && CoversAllText(*rule);
  if (!isolated && !all) {
    return Unsupported("pre_tokenizer.behavior", component.dump(),
                       "must be 'Isolated', not inverted");
  }
  definition.cut_rules.push_back(*rule);
  return absl::OkStatus();
}

absl::Status ReadMetaspace(const Json& component, TokenizerDefinition& definition) {
  const Json& scheme = Member(component, "prepend_scheme");
  if (!Is(Member(component, "replacement"), kMetaSpace) || FlagOr(component, "split", true) ||
      definition.metaspace_normalizes || definition.nfc || !definition.cut_rules.empty()) {
    return Unsupported("pre_tokenizer", component.dump(),
                       "must be the only component, with U+2581 and without 'split'");
  }
  if (Is(scheme, "first")) {
    definition.prefix = Prefix::kFirstText;
  } else if (Is(scheme, "always")) {
    definition.prefix = Prefix::kEachText;
  } else if (!Is(scheme, "never")) {
    return Unsupported("pre_tokenizer.prepend_scheme", scheme.dump(),
                       "must be 'first', 'always' or 'never'");
  }
  return absl::OkStatus();
}

absl::Status ReadPreTokenizer(const Json& root, TokenizerDefinition& definition) {
  bool last = false;  // nothing may follow "ByteLevel" or "Metaspace"
  for (const Json* component : Components(Member(root, "pre_tokenizer"), "pretokenizers")) {
    const std::string type = TypeOf(*component);
    if (last) return Unsupported("pre_tokenizer", type, "must not follow the last component");
    if (type == "Split") {
      RETURN_IF_ERROR(ReadSplit(*component, definition));
    } else if (type == "Digits") {
      definition.cut_rules.push_back(FlagOr(*component, "individual_digits", false)
                                         ? CutRule::kNumericEach
                                         : CutRule::kNumericRuns);
    } else if (type == "ByteLevel" && !FlagOr(*component, "add_prefix_space", true) &&
               !definition.metaspace_normalizes) {
      last = true;
      if (FlagOr(*component, "use_regex", true)) definition.cut_rules.push_back(CutRule::kGpt2);
    } else if (type == "Metaspace") {
      last = true;
      definition.alphabet = Alphabet::kCharacters;
      RETURN_IF_ERROR(ReadMetaspace(*component, definition));
    } else {
      return Unsupported("pre_tokenizer", component->dump(),
                         "must be 'Split', 'Digits', 'Metaspace', or 'ByteLevel' without a prefix "
                         "space");
    }
  }
  if (last) return absl::OkStatus();
  if (!definition.metaspace_normalizes || !definition.cut_rules.empty()) {
    return Unsupported("pre_tokenizer", "", "must end with 'ByteLevel'");
  }
  definition.alphabet = Alphabet::kCharacters;
  return absl::OkStatus();
}

// With add_special_tokens off they change offsets at most.
absl::Status CheckPostProcessor(const Json& root) {
  for (const Json* component : Components(Member(root, "post_processor"), "processors")) {
    const std::string type = TypeOf(*component);
    if (type != "ByteLevel" && type != "TemplateProcessing" && type != "RobertaProcessing" &&
        type != "BertProcessing") {
      return Unsupported("post_processor", type,
                         "must be absent, 'ByteLevel', 'TemplateProcessing', 'RobertaProcessing' "
                         "or 'BertProcessing'");
    }
  }
  return absl::OkStatus();
}

absl::Status ReadDecoder(const Json& root, TokenizerDefinition& definition) {
  const Json& decoder = Member(root, "decoder");
  if (definition.alphabet == Alphabet::kBytes) {
    if (TypeOf(decoder) == "ByteLevel") return absl::OkStatus();
    return Unsupported("decoder", TypeOf(decoder), "must be 'ByteLevel'");
  }
  const std::vector<const Json*> parts = Components(decoder, "decoders");
  const bool known = (parts.size() == 3 || parts.size() == 4) &&
                     Replaces(*parts[0], kMetaSpace, " ") && TypeOf(*parts[1]) == "ByteFallback" &&
                     TypeOf(*parts[2]) == "Fuse";
  if (known && parts.size() == 3) return absl::OkStatus();
  if (known && TypeOf(*parts[3]) == "Strip" && Is(Member(*parts[3], "content"), " ") &&
      Member(*parts[3], "start") == 1 && Member(*parts[3], "stop") == 0) {
    definition.decoder_strips_space = true;
    return absl::OkStatus();
  }
  return Unsupported("decoder", decoder.dump(),
                     "must be 'Replace' of U+2581 by a space, 'ByteFallback', 'Fuse' and perhaps "
                     "'Strip' of one space");
}

absl::Status CheckOtherComponents(const Json& root) {
  for (const char* name : {"truncation", "padding"}) {
    if (!Member(root, name).is_null()) return Unsupported(name, "set", "must be null");
  }
  const Json& version = Member(root, "version");
  if (!version.is_null() && !Is(version, "1.0")) {
    return Unsupported("version", version.dump(), "must be '1.0'");
  }
  RETURN_IF_ERROR(CheckPostProcessor(root));
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
  definition.tokens[index] = text;  // its bytes when all are in
  return absl::OkStatus();
}

// Finds the tokens of single bytes, spelled by `spelling`.
void FindByteTokens(const IdByText& ids, const absl::FunctionRef<std::string(uint8_t)> spelling,
                    TokenizerDefinition& definition) {
  for (size_t byte = 0; byte < 256; ++byte) {
    const auto found = ids.find(spelling(static_cast<uint8_t>(byte)));
    definition.byte_ids[byte] = found == ids.end() ? -1 : found->second;
    const bool occurs = byte != 0xC0 && byte != 0xC1 && byte < 0xF5;  // in valid UTF-8
    if (found == ids.end() && occurs) definition.every_byte = false;
  }
}

std::string FallbackSpelling(uint8_t byte) { return absl::StrFormat("<0x%02X>", byte); }

void FindCharactersAndPieces(const IdByText& ids, TokenizerDefinition& definition) {
  const bool characters = definition.alphabet == Alphabet::kCharacters;
  for (const auto& [text, id] : ids) {
    const CodePoint first = CodePointAt(text, 0);
    if (characters && first.size == text.size()) definition.character_ids[first.value] = id;
    if (!definition.ignore_merges) continue;
    const std::optional<std::string> bytes = characters ? text : SpelledBytes(text);
    if (bytes.has_value()) definition.whole_pieces[*bytes] = id;
  }
}

// What the ids decode to, from the tokens' texts.
void SpellTokens(TokenizerDefinition& definition) {
  definition.is_byte.resize(definition.tokens.size());
  for (const AddedToken& token : definition.added) {
    if (!token.normalized) continue;
    definition.tokens[static_cast<size_t>(token.id)] = Normalize(definition, token.content);
  }
  if (definition.alphabet == Alphabet::kBytes) {
    for (std::string& token : definition.tokens) token = BytesOfTokenText(token);
    return;
  }
  for (size_t byte = 0; byte < 256; ++byte) {
    if (definition.byte_ids[byte] < 0) continue;
    const auto id = static_cast<size_t>(definition.byte_ids[byte]);
    definition.tokens[id] = std::string(1, static_cast<char>(byte));
    definition.is_byte[id] = true;
  }
  for (size_t id = 0; id < definition.tokens.size(); ++id) {
    if (definition.is_byte[id]) continue;
    definition.tokens[id] = absl::StrReplaceAll(definition.tokens[id], {{kMetaSpace, " "}});
  }
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
  if (definition.alphabet == Alphabet::kBytes) {
    FindByteTokens(ids, CharacterOfByte, definition);
  } else if (!FlagOr(model, "byte_fallback", false)) {
    return Unsupported("model.byte_fallback", "false", "must be true without 'ByteLevel'");
  } else {
    FindByteTokens(ids, FallbackSpelling, definition);
  }
  if (const Json& unknown = Member(model, "unk_token"); !unknown.is_null()) {
    const auto found = unknown.is_string() ? ids.find(unknown.get<std::string>()) : ids.end();
    if (found == ids.end()) return Invalid("`model.unk_token` must be a token of `model.vocab`");
    definition.unknown_id = found->second;
    definition.fuse_unknown = FlagOr(model, "fuse_unk", false);
  }
  FindCharactersAndPieces(ids, definition);
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
  auto next_id = static_cast<int32_t>(ids.size());
  for (const Json& json : tokens) {
    const Json& content = Member(json, "content");
    if (IsEmpty(content) || !content.is_string()) {
      return Invalid("an added token must have a `content`");
    }
    AddedToken token{.content = content.get<std::string>(),
                     .special = FlagOr(json, "special", false),
                     .normalized = FlagOr(json, "normalized", true),
                     .strip_left = FlagOr(json, "lstrip", false),
                     .strip_right = FlagOr(json, "rstrip", false)};
    if (FlagOr(json, "single_word", false)) {
      return Unsupported("added_tokens.single_word", token.content, "must be false");
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
      // `tokenizers` does not read the id: it counts on from the vocabulary.
      if (token.id != next_id) {
        return Invalid(absl::StrCat("added token '", absl::CHexEscape(token.content.substr(0, 80)),
                                    "' has id ", token.id, "; must be ", next_id,
                                    ", the next after `model.vocab`"));
      }
      ++next_id;
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

std::string Normalize(const TokenizerDefinition& definition, absl::string_view text) {
  if (definition.nfc) return NormalizeNfc(text);
  if (!definition.metaspace_normalizes || text.empty()) return std::string(text);
  return absl::StrCat(definition.prefix == Prefix::kEachText ? kMetaSpace : "",
                      absl::StrReplaceAll(text, {{" ", kMetaSpace}}));
}

absl::StatusOr<TokenizerDefinition> ReadTokenizerDefinition(absl::string_view tokenizer_json) {
  ASSIGN_OR_RETURN(const Json root,
                   ReadJson(tokenizer_json, {.bytes_max = limits::kTokenizerBytesMax}));
  TokenizerDefinition definition;
  RETURN_IF_ERROR(CheckOtherComponents(root));
  RETURN_IF_ERROR(ReadNormalizer(root, definition));
  RETURN_IF_ERROR(ReadPreTokenizer(root, definition));
  const Json& model = Member(root, "model");
  RETURN_IF_ERROR(ReadDecoder(root, definition));
  definition.ignore_merges = FlagOr(model, "ignore_merges", false);
  ASSIGN_OR_RETURN(const IdByText ids, ReadVocabulary(model, definition));
  RETURN_IF_ERROR(ReadMerges(model, ids, definition));
  RETURN_IF_ERROR(ReadAddedTokens(root, ids, definition));
  SpellTokens(definition);
  return definition;
}

}  // namespace kalavai

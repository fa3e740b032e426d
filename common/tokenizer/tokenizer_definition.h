// What a tokenizer.json says, read strictly and reduced to what the family needs. For tokenizer.cc.
#ifndef KALAVAI_COMMON_TOKENIZER_TOKENIZER_DEFINITION_H_
#define KALAVAI_COMMON_TOKENIZER_TOKENIZER_DEFINITION_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/tokenizer/byte_pair_encoder.h"
#include "common/tokenizer/pre_tokenizer.h"

namespace kalavai {

// U+2581, which stands for a space in vocabularies of characters.
inline constexpr absl::string_view kMetaSpace = "\xE2\x96\x81";

struct AddedToken {
  std::string content;  // not empty
  int32_t id = 0;
  bool special = false;
  bool normalized = false;  // matched after normalisation, not before
  bool strip_left = false;  // takes the white space before it
  bool strip_right = false;
};

// How a text comes to its smallest symbols.
enum class Alphabet {
  kBytes,       // "ByteLevel": each byte is a token
  kCharacters,  // SentencePiece's way: characters, and bytes for those without a token
};

// Where kMetaSpace is put before a text (Alphabet::kCharacters).
enum class Prefix { kNone, kFirstText, kEachText };

struct TokenizerDefinition {
  Alphabet alphabet = Alphabet::kBytes;
  bool nfc = false;
  // Of Alphabet::kCharacters: whether spaces become kMetaSpace when the text is normalised, or
  // later, when it is cut ("Metaspace": then a text that begins with one gets no prefix).
  bool metaspace_normalizes = false;
  Prefix prefix = Prefix::kNone;
  bool decoder_strips_space = false;  // one, at the begin of what is decoded

  bool ignore_merges = false;  // a piece that is a token is not merged from its parts
  std::vector<CutRule> cut_rules;
  std::vector<std::string> tokens;  // what each id decodes to, as bytes; "" where no token is
  std::vector<bool> is_byte;        // by id: of "<0x41>" (Alphabet::kCharacters)
  std::vector<BytePairEncoder::Rule> merges;
  std::array<int32_t, 256> byte_ids = {};  // -1: no token
  bool every_byte = true;                  // of valid UTF-8 has a token
  int32_t unknown_id = -1;    // stands for parts without a token; -1: they are left out
  bool fuse_unknown = false;  // one for several in a row
  absl::flat_hash_map<uint32_t, int32_t> character_ids;    // by code point; Alphabet::kCharacters
  absl::flat_hash_map<std::string, int32_t> whole_pieces;  // bytes of pieces; for ignore_merges
  std::vector<AddedToken> added;
};

// The text of a gap between added tokens, normalised as the definition says.
std::string Normalize(const TokenizerDefinition& definition, absl::string_view text);

// Errors: INVALID_ARGUMENT: TOKENIZER_UNSUPPORTED, TOKENIZER_INVALID, JSON_INVALID.
absl::StatusOr<TokenizerDefinition> ReadTokenizerDefinition(absl::string_view tokenizer_json);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_TOKENIZER_DEFINITION_H_

// What a tokenizer.json says, read strictly and reduced to what the family needs. For tokenizer.cc.
#ifndef KALAVAI_COMMON_TOKENIZER_TOKENIZER_DEFINITION_H_
#define KALAVAI_COMMON_TOKENIZER_TOKENIZER_DEFINITION_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/tokenizer/byte_pair_encoder.h"

namespace kalavai {

struct AddedToken {
  std::string content;  // not empty
  int32_t id = 0;
  bool special = false;
  bool normalized = false;  // matched after normalisation, not before
};

struct TokenizerDefinition {
  bool nfc = false;
  bool ignore_merges = false;         // a piece that is a token is not merged from bytes
  std::vector<std::string> patterns;  // all known to PreTokenizer
  std::vector<std::string> tokens;    // bytes by id; "" where no token is
  std::vector<BytePairEncoder::Merge> merges;
  std::array<int32_t, 256> byte_ids = {};
  std::vector<AddedToken> added;
};

// Errors: INVALID_ARGUMENT: TOKENIZER_UNSUPPORTED, TOKENIZER_INVALID, JSON_INVALID.
absl::StatusOr<TokenizerDefinition> ReadTokenizerDefinition(absl::string_view tokenizer_json);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_TOKENIZER_DEFINITION_H_

// Documents to chunks of equal length, the unit of training and evaluation.
//
// Packing (design §5): each document is encoded alone and followed by the end-of-text token, or,
// where the tokenizer has none, separated from the next by the tokens of a blank line ("\n\n"); the
// stream is cut into chunks of `chunk_tokens` without overlap; what is left at the end is dropped.
// A chunk may span documents; there is no mask between them. Deterministic: pure functions of
// their arguments.
#ifndef KALAVAI_COMMON_CORPUS_PACKING_H_
#define KALAVAI_COMMON_CORPUS_PACKING_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "common/corpus/documents.h"
#include "common/tokenizer/tokenizer.h"

namespace kalavai {

struct TokenChunks {
  int64_t chunk_tokens = 0;
  std::vector<int32_t> tokens;  // [count() × chunk_tokens], chunk after chunk

  int64_t count() const {
    return chunk_tokens == 0 ? 0 : static_cast<int64_t>(tokens.size()) / chunk_tokens;
  }
  std::span<const int32_t> chunk(int64_t index) const {
    return std::span<const int32_t>(tokens).subspan(static_cast<size_t>(index * chunk_tokens),
                                                    static_cast<size_t>(chunk_tokens));
  }
};

// Gives 0 chunks when the text is shorter than one; the caller decides whether that is an error
// (TEXT_EMPTY). Errors: INVALID_ARGUMENT: FIELD_INVALID unless chunk_tokens ≥ 2; TEXT_NOT_UTF8.
absl::StatusOr<TokenChunks> PackChunks(const Tokenizer& tokenizer,
                                       std::span<const Document> documents, int64_t chunk_tokens);

// The reference implementation's packing (arXiv 2603.22755, data pipeline; its
// `kalavai_eval_utils`): the first `characters_max` characters of each text (it takes 5,000; 0:
// all), joined by "\n\n", encoded at once, cut into chunks, the tail dropped; no special tokens but
// those in the text. For reproduction and for comparison with other programs.
absl::StatusOr<TokenChunks> ReferencePacking(const Tokenizer& tokenizer,
                                             std::span<const Document> documents,
                                             int64_t chunk_tokens, int64_t characters_max = 0);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CORPUS_PACKING_H_

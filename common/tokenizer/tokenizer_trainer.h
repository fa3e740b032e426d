// Trains a byte-level BPE tokenizer on texts and gives it as a Hugging Face `tokenizer.json`: NFC,
// GPT-2's pieces, no prefix space; id 0 is the special `<|endoftext|>`, ids 1 … 256 the bytes,
// then one id a merge. Loads in Tokenizer and in Hugging Face's `tokenizers`.
//
// Method: Sennrich et al. 2016 (arXiv 1508.07909) over counted words; the pair of the largest
// count merges first, ties by the smaller (left id, right id). The same documents in any order
// give the same bytes. Pure function.
#ifndef KALAVAI_COMMON_TOKENIZER_TOKENIZER_TRAINER_H_
#define KALAVAI_COMMON_TOKENIZER_TOKENIZER_TRAINER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kalavai {

// Longer pieces (encoded data, not words) are not counted.
inline constexpr size_t kTrainedPieceBytesMax = 256;

struct TokenizerTraining {
  int64_t vocabulary_size = 4096;  // an upper bound: training stops when no pair is frequent enough
  int64_t min_frequency = 2;       // of a pair that merges; at least 1
  // The first ids, in order; distinct, not empty, UTF-8, none a token of one byte.
  std::vector<std::string> special_tokens = {"<|endoftext|>"};
};

// Errors: INVALID_ARGUMENT: TEXT_NOT_UTF8 (metadata `document`, `offset`); FIELD_INVALID.
absl::StatusOr<std::string> TrainTokenizer(std::span<const absl::string_view> documents,
                                           const TokenizerTraining& training);

// The same with the other fields as above. `vocabulary_size` is an upper bound, 257 … 1,000,000:
// training stops when no pair occurs twice. Errors: INVALID_ARGUMENT: TEXT_NOT_UTF8 (metadata
// `document`, `offset`); FIELD_INVALID.
absl::StatusOr<std::string> TrainTokenizer(std::span<const absl::string_view> documents,
                                           int64_t vocabulary_size);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_TOKENIZER_TRAINER_H_

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

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kalavai {

// Longer pieces (encoded data, not words) are not counted.
inline constexpr size_t kTrainedPieceBytesMax = 256;

// `vocabulary_size` is an upper bound, 257 … 1,000,000: training stops when no pair occurs twice.
// Errors: INVALID_ARGUMENT: TEXT_NOT_UTF8 (metadata `document`, `offset`); FIELD_INVALID.
absl::StatusOr<std::string> TrainTokenizer(std::span<const absl::string_view> documents,
                                           int64_t vocabulary_size);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_TOKENIZER_TRAINER_H_

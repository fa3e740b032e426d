// A limited number of chunks of a text, chosen by the documents' content only.
//
// Documents are ordered by digest, so neither the order of files nor of lines matters. What is
// trained on is the beginning of that order (FirstChunks). What is measured on is spread over it
// (SpreadChunks): neighbouring chunks come from one document and resemble each other, so a mean
// over chunks of many documents has the smaller error (systematic sampling, Cochran, Sampling
// Techniques, ch. 8).
#ifndef KALAVAI_COMMON_CORPUS_CHUNK_SELECTION_H_
#define KALAVAI_COMMON_CORPUS_CHUNK_SELECTION_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

#include "common/corpus/documents.h"
#include "common/corpus/packing.h"
#include "common/tokenizer/tokenizer.h"

namespace kalavai {

// Orders `documents` by digest and packs them (PackChunks) until `chunks_max` chunks are full;
// 0: all. The result is the prefix of what packing all of them in that order gives, but only about
// as much text is encoded as needed. Fewer chunks than asked for when the text ends. Errors: those
// of PackChunks. Pure function.
absl::StatusOr<TokenChunks> FirstChunks(const Tokenizer& tokenizer, std::vector<Document> documents,
                                        int64_t chunk_tokens, int64_t chunks_max);

// Of the first kSpread * chunks_max chunks, `chunks_max` at equal distances, in their order; all if
// there are no more than that, or if chunks_max is 0. Errors: those of PackChunks. Pure function.
inline constexpr int64_t kSpread = 16;
absl::StatusOr<TokenChunks> SpreadChunks(const Tokenizer& tokenizer,
                                         std::vector<Document> documents, int64_t chunk_tokens,
                                         int64_t chunks_max);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CORPUS_CHUNK_SELECTION_H_

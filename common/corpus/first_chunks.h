// The first chunks of a text in an order that depends on the documents' content only.
#ifndef KALAVAI_COMMON_CORPUS_FIRST_CHUNKS_H_
#define KALAVAI_COMMON_CORPUS_FIRST_CHUNKS_H_

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

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CORPUS_FIRST_CHUNKS_H_

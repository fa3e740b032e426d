#include "common/corpus/chunk_selection.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "common/base/status_macros.h"

namespace kalavai {
namespace {

// A first guess; when it is too low the loop takes twice as much.
constexpr int64_t kBytesPerTokenGuess = 5;

}  // namespace

absl::StatusOr<TokenChunks> FirstChunks(const Tokenizer& tokenizer, std::vector<Document> documents,
                                        int64_t chunk_tokens, int64_t chunks_max) {
  std::sort(documents.begin(), documents.end(),
            [](const Document& a, const Document& b) { return a.digest < b.digest; });
  if (chunks_max <= 0) return PackChunks(tokenizer, documents, chunk_tokens);
  for (int64_t bytes_wanted = chunks_max * chunk_tokens * kBytesPerTokenGuess;; bytes_wanted *= 2) {
    size_t count = 0;
    for (int64_t bytes = 0; count < documents.size() && bytes < bytes_wanted; ++count) {
      bytes += static_cast<int64_t>(documents[count].text.size());
    }
    ASSIGN_OR_RETURN(
        TokenChunks chunks,
        PackChunks(tokenizer, std::span<const Document>(documents).first(count), chunk_tokens));
    if (chunks.count() < chunks_max && count < documents.size()) continue;
    if (chunks.count() > chunks_max) {
      chunks.tokens.resize(static_cast<size_t>(chunks_max * chunk_tokens));
    }
    return chunks;
  }
}

absl::StatusOr<TokenChunks> SpreadChunks(const Tokenizer& tokenizer,
                                         std::vector<Document> documents, int64_t chunk_tokens,
                                         int64_t chunks_max) {
  ASSIGN_OR_RETURN(TokenChunks chunks, FirstChunks(tokenizer, std::move(documents), chunk_tokens,
                                                   kSpread * chunks_max));
  const int64_t found = chunks.count();
  if (chunks_max <= 0 || found <= chunks_max) return chunks;
  TokenChunks spread{.chunk_tokens = chunk_tokens, .tokens = {}};
  for (int64_t i = 0; i < chunks_max; ++i) {
    const auto chunk = chunks.chunk((2 * i + 1) * found / (2 * chunks_max));
    spread.tokens.insert(spread.tokens.end(), chunk.begin(), chunk.end());
  }
  return spread;
}

}  // namespace kalavai

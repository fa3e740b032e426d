// The right edge of an RFC 6962 tree: the roots of its complete subtrees, largest first, one for
// each set bit of the size. It is all that appending and the root need: at most 64 hashes.
//
//   CompactRange range;
//   range.Append(LeafHash(entry));       // amortised two hashes
//   const Digest root = range.Root();    // equals RootHash of every leaf so far
//
// A value; one thread at a time.
#ifndef KALAVAI_COMMON_CRYPTO_COMPACT_RANGE_H_
#define KALAVAI_COMMON_CRYPTO_COMPACT_RANGE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

#include "common/crypto/merkle_proof.h"
#include "common/crypto/sha256.h"

namespace kalavai {

// A complete subtree: see NodeReader.
struct TreeNode {
  int level = 0;
  uint64_t position = 0;
  Digest hash;
};

class CompactRange {
 public:
  CompactRange() = default;  // of no leaves
  // Of the first `size` leaves. Errors: the reader's.
  static absl::StatusOr<CompactRange> Load(uint64_t size, NodeReader nodes);

  uint64_t size() const { return size_; }

  // Returns the subtrees above the leaf that it completed, lowest first: none for every other leaf.
  std::vector<TreeNode> Append(const Digest& leaf_hash);

  // Of every leaf so far; of none SHA-256 of nothing.
  Digest Root() const;

 private:
  uint64_t size_ = 0;
  std::vector<Digest> complete_;  // falling sizes
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_COMPACT_RANGE_H_

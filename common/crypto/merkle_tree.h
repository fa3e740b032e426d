// RFC 6962 §2.1 hashes: the arithmetic of the transparency log. Pure functions; any thread.
//   leaf  SHA-256(0x00 || entry)          node  SHA-256(0x01 || left || right)
//   root  of n > 1 leaves: the left subtree has the largest power of two < n; of none: SHA-256("")
#ifndef KALAVAI_COMMON_CRYPTO_MERKLE_TREE_H_
#define KALAVAI_COMMON_CRYPTO_MERKLE_TREE_H_

#include <span>

#include "absl/strings/string_view.h"

#include "common/crypto/sha256.h"

namespace kalavai {

Digest LeafHash(absl::string_view entry);
Digest NodeHash(const Digest& left, const Digest& right);

// Root over leaf hashes, oldest first. O(n) time, O(log n) space.
Digest RootHash(std::span<const Digest> leaf_hashes);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_MERKLE_TREE_H_

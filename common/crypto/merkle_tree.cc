#include "common/crypto/merkle_tree.h"

#include <cstddef>
#include <vector>

namespace kalavai {

Digest LeafHash(absl::string_view entry) {
  Sha256 hash;
  hash.Update(absl::string_view("\x00", 1));
  hash.Update(entry);
  return hash.Finish();
}

Digest NodeHash(const Digest& left, const Digest& right) {
  Sha256 hash;
  hash.Update(absl::string_view("\x01", 1));
  hash.Update(left.bytes());
  hash.Update(right.bytes());
  return hash.Finish();
}

Digest RootHash(std::span<const Digest> leaf_hashes) {
  if (leaf_hashes.empty()) return Sha256Of("");
  // Like a binary counter: entry k of the stack is the root of a complete subtree, and the sizes
  // are the set bits of the number of leaves read so far.
  std::vector<Digest> complete;
  size_t count = 0;
  for (const Digest& leaf : leaf_hashes) {
    complete.push_back(leaf);
    for (size_t carry = ++count; (carry & 1) == 0; carry >>= 1) {
      const Digest right = complete.back();
      complete.pop_back();
      complete.back() = NodeHash(complete.back(), right);
    }
  }
  Digest root = complete.back();
  for (size_t i = complete.size() - 1; i-- > 0;) root = NodeHash(complete[i], root);
  return root;
}

}  // namespace kalavai

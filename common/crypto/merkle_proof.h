// Proofs of an RFC 6962 log: that a leaf is in a tree, and that one tree begins with another.
// Generation follows RFC 6962 §2.1.1 and §2.1.2, verification the iterative forms of RFC 9162
// §2.1.3.2 and §2.1.4.2.
//
//   ASSIGN_OR_RETURN(const auto proof, InclusionProof(leaf_hashes, 3));
//   RETURN_IF_ERROR(VerifyInclusion({.index = 3, .size = n}, leaf_hash, proof, root));
//
// A proof has at most 64 hashes. Verification trusts nothing: every number may be any 64-bit number
// and every proof any list; work is bounded by 64 hashes. Errors:
//   INVALID_ARGUMENT  PROOF_INVALID  a proof that proves nothing, saying what differs (an index or
//                                    size out of range, too few or many hashes, another root); also
//                                    a proof that cannot be asked for
// and whatever the reader of nodes returns. Pure functions; any thread.
#ifndef KALAVAI_COMMON_CRYPTO_MERKLE_PROOF_H_
#define KALAVAI_COMMON_CRYPTO_MERKLE_PROOF_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/crypto/sha256.h"

namespace kalavai {

// The root of the complete subtree over the leaves position·2^level … (position+1)·2^level − 1.
// Proofs ask only for subtrees that lie wholly in the tree, O(log² n) of them.
using NodeReader = absl::FunctionRef<absl::StatusOr<Digest>(int level, uint64_t position)>;

// A leaf in a tree.
struct LeafPosition {
  uint64_t index = 0;
  uint64_t size = 0;  // of the tree, leaves
};

// The audit path of a leaf, lowest sibling first. PROOF_INVALID unless index < size.
absl::StatusOr<std::vector<Digest>> InclusionProof(LeafPosition leaf, NodeReader nodes);
absl::StatusOr<std::vector<Digest>> InclusionProof(std::span<const Digest> leaf_hashes,
                                                   uint64_t index);

// That the tree of `second` leaves begins with the `first` leaves of the earlier tree. Empty when
// first is 0 or second. PROOF_INVALID unless first <= second.
absl::StatusOr<std::vector<Digest>> ConsistencyProof(uint64_t first, uint64_t second,
                                                     NodeReader nodes);
absl::StatusOr<std::vector<Digest>> ConsistencyProof(std::span<const Digest> leaf_hashes,
                                                     uint64_t first);

// OK when `proof` shows that the tree with this root holds `leaf_hash` at leaf.index.
absl::Status VerifyInclusion(LeafPosition leaf, const Digest& leaf_hash,
                             std::span<const Digest> proof, const Digest& root);

// A tree head's figures.
struct TreeState {
  uint64_t size = 0;
  Digest root;

  friend bool operator==(const TreeState&, const TreeState&) = default;
};

// OK when `proof` shows that `second` was made from `first` by appending only. Two trees of one
// size must have one root. An empty first tree needs no proof, but must have the empty root.
absl::Status VerifyConsistency(const TreeState& first, const TreeState& second,
                               std::span<const Digest> proof);

// The root of the first `size` leaves, from complete subtrees.
absl::StatusOr<Digest> RootOf(uint64_t size, NodeReader nodes);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_MERKLE_PROOF_H_

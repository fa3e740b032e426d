#include "common/crypto/merkle_proof.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/crypto/merkle_tree.h"

namespace kalavai {
namespace {

absl::Status ProofInvalid(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "PROOF_INVALID",
                   {.what = std::string(what),
                    .why = "only a proof that leads to the signed root shows what the log holds",
                    .fix = "fetch head and proof again; if it repeats, the log's keeper or the "
                           "connection to it is at fault"});
}

// Leaves [begin, end): begin is a multiple of the largest power of two within the range.
struct Range {
  uint64_t begin;
  uint64_t end;
};

absl::StatusOr<Digest> RangeRoot(Range range, NodeReader nodes) {
  std::vector<Digest> complete;  // of falling sizes
  while (range.begin < range.end) {
    const uint64_t width = std::bit_floor(range.end - range.begin);
    ASSIGN_OR_RETURN(complete.emplace_back(), nodes(std::countr_zero(width), range.begin / width));
    range.begin += width;
  }
  Digest root = complete.back();
  for (size_t i = complete.size() - 1; i-- > 0;) root = NodeHash(complete[i], root);
  return root;
}

absl::StatusOr<std::vector<Digest>> RangeRoots(const std::vector<Range>& ranges, NodeReader nodes) {
  std::vector<Digest> roots;
  for (const Range& range : ranges) {
    ASSIGN_OR_RETURN(roots.emplace_back(), RangeRoot(range, nodes));
  }
  std::reverse(roots.begin(), roots.end());
  return roots;
}

// Size of the left subtree of a tree of n > 1 leaves: the largest power of two below n.
uint64_t LeftSize(uint64_t n) { return std::bit_floor(n - 1); }

auto ReaderOf(std::span<const Digest> leaf_hashes) {
  return [leaf_hashes](int level, uint64_t position) -> absl::StatusOr<Digest> {
    const size_t width = size_t{1} << level;
    return RootHash(leaf_hashes.subspan(position * width, width));
  };
}

// Number of hashes in the audit path of a leaf: one a level up to where the path meets the tree's
// right edge, then one for each left sibling.
int PathLength(LeafPosition leaf) {
  const auto inner = static_cast<int>(std::bit_width(leaf.index ^ (leaf.size - 1)));
  return inner + (inner == 64 ? 0 : std::popcount(leaf.index >> inner));
}

absl::Status CheckLength(absl::string_view proof, size_t found, int wanted) {
  if (found == static_cast<size_t>(wanted)) return absl::OkStatus();
  return ProofInvalid(absl::StrCat(proof, " proof: ", found, " hashes found; must be ", wanted));
}

absl::Status CheckRoot(absl::string_view proof, absl::string_view tree, const Digest& found,
                       const Digest& wanted) {
  if (found == wanted) return absl::OkStatus();
  return ProofInvalid(absl::StrCat(proof, " proof: leads to root ", found.Hex(), " of the ", tree,
                                   "; must be ", wanted.Hex()));
}

}  // namespace

absl::StatusOr<std::vector<Digest>> InclusionProof(LeafPosition leaf, NodeReader nodes) {
  if (leaf.index >= leaf.size) {
    return ProofInvalid(absl::StrCat("inclusion proof: leaf ", leaf.index,
                                     " asked for; must be below the tree's size ", leaf.size));
  }
  std::vector<Range> siblings;  // highest first
  Range range = {.begin = 0, .end = leaf.size};
  while (range.end - range.begin > 1) {
    const uint64_t middle = range.begin + LeftSize(range.end - range.begin);
    if (leaf.index < middle) {
      siblings.push_back({.begin = middle, .end = range.end});
      range.end = middle;
    } else {
      siblings.push_back({.begin = range.begin, .end = middle});
      range.begin = middle;
    }
  }
  return RangeRoots(siblings, nodes);
}

absl::StatusOr<std::vector<Digest>> InclusionProof(std::span<const Digest> leaf_hashes,
                                                   uint64_t index) {
  return InclusionProof({.index = index, .size = leaf_hashes.size()}, ReaderOf(leaf_hashes));
}

absl::StatusOr<std::vector<Digest>> ConsistencyProof(uint64_t first, uint64_t second,
                                                     NodeReader nodes) {
  if (first > second) {
    return ProofInvalid(absl::StrCat("consistency proof: from size ", first, " to ", second,
                                     " asked for; the first must not be larger"));
  }
  std::vector<Range> ranges;  // highest first
  if (first == 0 || first == second) return std::vector<Digest>();
  Range range = {.begin = 0, .end = second};
  // While the path keeps left, the earlier tree itself is what the verifier knows already.
  bool is_known = true;
  while (first != range.end) {
    const uint64_t middle = range.begin + LeftSize(range.end - range.begin);
    if (first <= middle) {
      ranges.push_back({.begin = middle, .end = range.end});
      range.end = middle;
    } else {
      ranges.push_back({.begin = range.begin, .end = middle});
      range.begin = middle;
      is_known = false;
    }
  }
  if (!is_known) ranges.push_back(range);
  return RangeRoots(ranges, nodes);
}

absl::StatusOr<std::vector<Digest>> ConsistencyProof(std::span<const Digest> leaf_hashes,
                                                     uint64_t first) {
  return ConsistencyProof(first, leaf_hashes.size(), ReaderOf(leaf_hashes));
}

absl::Status VerifyInclusion(LeafPosition leaf, const Digest& leaf_hash,
                             std::span<const Digest> proof, const Digest& root) {
  if (leaf.index >= leaf.size) {
    return ProofInvalid(absl::StrCat("inclusion proof: leaf ", leaf.index,
                                     " found; must be below the tree's size ", leaf.size));
  }
  RETURN_IF_ERROR(CheckLength("inclusion", proof.size(), PathLength(leaf)));
  // RFC 9162 §2.1.3.2. At each level: `index` of the node on the path, `last` of the rightmost one.
  uint64_t index = leaf.index;
  uint64_t last = leaf.size - 1;
  Digest node = leaf_hash;
  for (const Digest& sibling : proof) {
    if ((index & 1) == 1 || index == last) {
      node = NodeHash(sibling, node);
      // A rightmost node without a sibling is its parent: levels that hash nothing are skipped.
      while ((index & 1) == 0 && index != 0) {
        index >>= 1;
        last >>= 1;
      }
    } else {
      node = NodeHash(node, sibling);
    }
    index >>= 1;
    last >>= 1;
  }
  return CheckRoot("inclusion", "tree", node, root);
}

absl::Status VerifyConsistency(const TreeState& first, const TreeState& second,
                               std::span<const Digest> proof) {
  if (first.size > second.size) {
    return ProofInvalid(absl::StrCat("consistency proof: size ", second.size,
                                     " found; must not be below the earlier ", first.size));
  }
  if (first.size == 0 || first.size == second.size) {
    RETURN_IF_ERROR(CheckLength("consistency", proof.size(), 0));
    return CheckRoot("consistency", "earlier tree", first.size == 0 ? RootHash({}) : second.root,
                     first.root);
  }
  // RFC 9162 §2.1.4.2. `index` and `last` as above, of the earlier tree's last leaf; both trees
  // agree up to the largest complete subtree that ends there.
  uint64_t index = first.size - 1;
  uint64_t last = second.size - 1;
  const int known = std::countr_one(index);
  index >>= known;
  last >>= known;
  const bool starts_with_root = std::has_single_bit(first.size);
  RETURN_IF_ERROR(
      CheckLength("consistency", proof.size(),
                  PathLength({.index = index, .size = last + 1}) + (starts_with_root ? 0 : 1)));
  Digest first_node = first.root;
  if (!starts_with_root) {
    first_node = proof.front();
    proof = proof.subspan(1);
  }
  Digest second_node = first_node;
  for (const Digest& sibling : proof) {
    if ((index & 1) == 1 || index == last) {
      first_node = NodeHash(sibling, first_node);
      second_node = NodeHash(sibling, second_node);
      while ((index & 1) == 0 && index != 0) {
        index >>= 1;
        last >>= 1;
      }
    } else {
      second_node = NodeHash(second_node, sibling);
    }
    index >>= 1;
    last >>= 1;
  }
  RETURN_IF_ERROR(CheckRoot("consistency", "earlier tree", first_node, first.root));
  return CheckRoot("consistency", "later tree", second_node, second.root);
}

absl::StatusOr<Digest> RootOf(uint64_t size, NodeReader nodes) {
  if (size == 0) return RootHash({});
  return RangeRoot({.begin = 0, .end = size}, nodes);
}

}  // namespace kalavai

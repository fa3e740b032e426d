#include "common/crypto/compact_range.h"

#include <bit>

#include "common/base/status_macros.h"
#include "common/crypto/merkle_tree.h"

namespace kalavai {

absl::StatusOr<CompactRange> CompactRange::Load(uint64_t size, NodeReader nodes) {
  CompactRange range;
  range.size_ = size;
  for (uint64_t begin = 0; begin < size;) {
    const uint64_t width = std::bit_floor(size - begin);
    ASSIGN_OR_RETURN(range.complete_.emplace_back(), nodes(std::countr_zero(width), begin / width));
    begin += width;
  }
  return range;
}

std::vector<TreeNode> CompactRange::Append(const Digest& leaf_hash) {
  std::vector<TreeNode> completed;
  Digest node = leaf_hash;
  // Like a binary counter: each carry joins two complete subtrees of one size.
  for (uint64_t position = size_; (position & 1) == 1;) {
    node = NodeHash(complete_.back(), node);
    complete_.pop_back();
    position >>= 1;
    completed.push_back(
        {.level = static_cast<int>(completed.size()) + 1, .position = position, .hash = node});
  }
  complete_.push_back(node);
  ++size_;
  return completed;
}

Digest CompactRange::Root() const {
  if (complete_.empty()) return RootHash({});
  Digest root = complete_.back();
  for (size_t i = complete_.size() - 1; i-- > 0;) root = NodeHash(complete_[i], root);
  return root;
}

}  // namespace kalavai

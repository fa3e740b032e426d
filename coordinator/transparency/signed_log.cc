#include "coordinator/transparency/signed_log.h"

#include "common/base/status_macros.h"
#include "common/crypto/tree_head.h"

namespace kalavai::coordinator {

absl::StatusOr<std::string> SignedLog::Head() const {
  ASSIGN_OR_RETURN(const TreeState state, log_.State());
  return SignTreeHead(state, signer_);
}

absl::StatusOr<LeafEvidence> SignedLog::Prove(int64_t index) const {
  ASSIGN_OR_RETURN(const TreeState state, log_.State());
  LeafEvidence evidence;
  ASSIGN_OR_RETURN(
      evidence.inclusion_proof,
      log_.ProveInclusion({.index = static_cast<uint64_t>(index), .size = state.size}));
  ASSIGN_OR_RETURN(std::vector<LogLeaf> leaves, log_.List(index, 1));
  evidence.leaf = std::move(leaves.at(0).leaf);
  ASSIGN_OR_RETURN(evidence.tree_head, SignTreeHead(state, signer_));
  return evidence;
}

}  // namespace kalavai::coordinator

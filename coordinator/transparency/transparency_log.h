// The record's storage: the leaves of an RFC 6962 log in SQLite, in the order of their index, and
// the tree above them.
//
// A leaf is appended inside the transaction that makes the change it tells of, so that neither can
// exist without the other; so are the subtrees that it completes, the log's new size and its root.
// Appending and proofs read O(log n) rows. Leaves are never changed or removed.
//
//   RETURN_IF_ERROR(log.Prepare());                  // once, when the server starts
//   … database.Transact([&] { … log.Append(…) … })
//   ASSIGN_OR_RETURN(const TreeState now, log.State());
//
// Errors: DATA_LOSS LOG_DAMAGED when what is stored is not what was appended; PROOF_INVALID of
// merkle_proof.h for proofs that cannot be; those of Database. Thread-safe as Database is: proofs
// of an older size stay right while leaves are appended.
#ifndef KALAVAI_COORDINATOR_TRANSPARENCY_TRANSPARENCY_LOG_H_
#define KALAVAI_COORDINATOR_TRANSPARENCY_TRANSPARENCY_LOG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/crypto/compact_range.h"
#include "common/crypto/merkle_proof.h"
#include "common/crypto/sha256.h"
#include "common/storage/sqlite.h"

namespace kalavai::coordinator {

struct LogLeaf {
  int64_t index = 0;
  std::string leaf;
  Digest leaf_hash;
  absl::Time time;
};

class TransparencyLog {
 public:
  explicit TransparencyLog(Database& database) : database_(database) {}

  // Builds the tree of a log written before the tree was kept, then Verify. LOG_DAMAGED.
  absl::Status Prepare();

  // Recomputes every hash from the leaves' bytes: indices without gaps, leaf hashes, subtrees, size
  // and root must be what is stored, LOG_DAMAGED otherwise with the place. About a second a
  // million leaves; 32 bytes a leaf.
  absl::StatusOr<TreeState> Verify() const;

  // Number of leaves = the next leaf's index.
  absl::StatusOr<int64_t> Size() const;
  // Size and root after the last leaf.
  absl::StatusOr<TreeState> State() const;

  // Appends at `index`, which must be Size(). Call within Database::Transact.
  absl::Status Append(int64_t index, absl::string_view leaf, absl::Time time);

  // At most `count` leaves from `start_index` on, oldest first.
  absl::StatusOr<std::vector<LogLeaf>> List(int64_t start_index, int64_t count) const;

  // Of the log when it had `leaf.size` leaves, or `second`: at most Size().
  absl::StatusOr<std::vector<Digest>> ProveInclusion(LeafPosition leaf) const;
  absl::StatusOr<std::vector<Digest>> ProveConsistency(uint64_t first, uint64_t second) const;

 private:
  absl::StatusOr<std::optional<TreeState>> StoredState() const;
  absl::StatusOr<Digest> Node(int level, uint64_t position) const;
  absl::Status InsertNode(const TreeNode& node);
  absl::Status AppendToTree(const Digest& leaf_hash, uint64_t size);
  absl::Status BuildTree();

  Database& database_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_TRANSPARENCY_TRANSPARENCY_LOG_H_

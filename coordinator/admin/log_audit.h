// Reads a whole log again: every leaf's bytes hashed, every hash under the root, the root the one
// that was signed. What 'log verify' does; the reader trusts nothing but the key.
//
//   LogAudit audit(head);
//   audit.ExpectPrefix(kept);                         // heads that somebody kept, any number
//   for (…) RETURN_IF_ERROR(audit.Add(entry));        // leaf 0, 1, … in order
//   RETURN_IF_ERROR(audit.Finish());
//
// Errors: DATA_LOSS LOG_INCONSISTENT (exit code 4), saying which leaf or size differs. O(log n)
// memory besides the expected heads. A value; one thread.
#ifndef KALAVAI_COORDINATOR_ADMIN_LOG_AUDIT_H_
#define KALAVAI_COORDINATOR_ADMIN_LOG_AUDIT_H_

#include <cstdint>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "common/crypto/compact_range.h"
#include "common/crypto/merkle_proof.h"
#include "common/crypto/sha256.h"

namespace kalavai::coordinator {

// The error that all of `log verify` gives: what the record says of itself does not hold.
absl::Status LogContradiction(absl::string_view what);

class LogAudit {
 public:
  // Of a verified tree head.
  explicit LogAudit(const TreeState& head) : head_(head) {}

  // The log must begin with this one, too. Call before Add. An error when the log is smaller, or
  // two heads of one size differ.
  absl::Status ExpectPrefix(const TreeState& kept);

  uint64_t size() const { return range_.size(); }  // leaves added

  // The next leaf as the server gave it. Its index must be size(), its hash that of its bytes, and
  // the leaf itself must name its index.
  absl::Status Add(int64_t index, absl::string_view leaf, absl::string_view leaf_hash_hex);

  // Exactly the leaves of the head, and its root.
  absl::Status Finish() const;

 private:
  absl::Status CheckRoot() const;

  TreeState head_;
  std::map<uint64_t, Digest> expected_;  // roots by size
  CompactRange range_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_LOG_AUDIT_H_

// The record with its key: signed tree heads and proofs under them, as members keep and check them.
//
// A head is signed for what the database holds at that moment: within a transaction, for what it
// will hold when the transaction commits, so a head made there must not leave before the commit.
// Ed25519 is deterministic: one state, one note. Borrows the log. Thread-safe.
#ifndef KALAVAI_COORDINATOR_TRANSPARENCY_SIGNED_LOG_H_
#define KALAVAI_COORDINATOR_TRANSPARENCY_SIGNED_LOG_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "common/crypto/note_key.h"
#include "common/crypto/sha256.h"
#include "coordinator/transparency/transparency_log.h"

namespace kalavai::coordinator {

// That a leaf is in the log, for somebody who has the log's verifier key only.
struct LeafEvidence {
  std::string leaf;  // its bytes
  std::string tree_head;
  std::vector<Digest> inclusion_proof;  // under tree_head
};

class SignedLog {
 public:
  SignedLog(const TransparencyLog& log, NoteSigner signer)
      : log_(log), signer_(std::move(signer)) {}

  const TransparencyLog& log() const { return log_; }
  const NoteVerifier& verifier() const { return signer_.verifier(); }

  // The signed note of the log as it is (common/crypto/tree_head.h).
  absl::StatusOr<std::string> Head() const;
  // Of a leaf that is there, under the head of now.
  absl::StatusOr<LeafEvidence> Prove(int64_t index) const;

 private:
  const TransparencyLog& log_;
  const NoteSigner signer_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_TRANSPARENCY_SIGNED_LOG_H_

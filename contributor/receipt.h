// What a coordinator signed for this member, checked without asking anybody: a receipt carries its
// log entry, a signed tree head and the proof that the one is under the other.
//
//   ASSIGN_OR_RETURN(const ReceiptKeys keys, LoadReceiptKeys(workspace));
//   ASSIGN_OR_RETURN(const Receipt receipt, VerifyReceipt(envelope, keys));   // coordinator may be
//   down
//
// Two kinds: the verdict on a submission (docs/formats/submission.md) and what was deleted when the
// member left (docs/formats/withdrawal.md). Errors: those of VerifyEnvelope (another key, a changed
// byte); INVALID_ARGUMENT RECEIPT_INVALID when the signed parts disagree or are of another kind.
// Whether that tree head and the one this workspace keeps are of one log:
// contributor/log_history.h. Any thread.
#ifndef KALAVAI_CONTRIBUTOR_RECEIPT_H_
#define KALAVAI_CONTRIBUTOR_RECEIPT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "common/crypto/merkle_proof.h"
#include "common/crypto/note_key.h"
#include "common/crypto/sha256.h"
#include "common/crypto/signing_key.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {

inline constexpr char kReceiptType[] = "application/vnd.kalavai.receipt.v1+json";
inline constexpr char kWithdrawalType[] = "application/vnd.kalavai.withdrawal.v1+json";

// What a receipt says of its place in the record.
struct ReceiptRecord {
  int64_t index = 0;
  std::string leaf;
  std::string tree_head;
  std::vector<Digest> proof;
};
// INVALID_ARGUMENT (no reason) when a part is missing.
absl::StatusOr<ReceiptRecord> ReadReceiptRecord(const nlohmann::json& receipt);

// OK when the leaf tells of what the receipt tells of; INVALID_ARGUMENT (no reason) otherwise.
absl::Status CheckReceiptLeaf(const ReceiptRecord& record, const nlohmann::json& receipt);

// OK when the leaf is under `head`; INVALID_ARGUMENT (no reason) otherwise.
absl::Status CheckReceiptProof(const ReceiptRecord& record, const TreeState& head);

struct ReceiptKeys {
  PublicKey coordinator;  // signs receipts
  NoteVerifier log;       // signs tree heads
};
// The keys this workspace keeps from joining.
absl::StatusOr<ReceiptKeys> LoadReceiptKeys(const Workspace& workspace);

struct Receipt {
  std::string kind;  // "verdict" or "withdrawal"
  nlohmann::json payload;
  TreeState head;  // the log when the receipt was signed
};
absl::StatusOr<Receipt> VerifyReceipt(absl::string_view envelope, const ReceiptKeys& keys);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_RECEIPT_H_

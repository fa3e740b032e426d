// What a coordinator signed for this member, checked without asking anybody: a receipt carries its
// log entry, a signed tree head and the proof that the one is under the other.
//
//   ASSIGN_OR_RETURN(const ReceiptKeys keys, LoadReceiptKeys(workspace));
//   ASSIGN_OR_RETURN(const Receipt receipt, VerifyReceipt(envelope, keys));   // coordinator may be
//   down
//
// Two kinds: the verdict on a submission (docs/formats/submission.md) and what was deleted when the
// member left (docs/formats/withdrawal.md); common/crypto/receipt.h reads them. Errors: those of
// VerifyEnvelope (another key, a changed byte); INVALID_ARGUMENT RECEIPT_INVALID when the signed
// parts disagree, are of another type or of another kind.
// Whether that tree head and the one this workspace keeps are of one log:
// contributor/log_history.h. Any thread.
#ifndef KALAVAI_CONTRIBUTOR_RECEIPT_H_
#define KALAVAI_CONTRIBUTOR_RECEIPT_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "common/crypto/merkle_proof.h"
#include "common/crypto/note_key.h"
#include "common/crypto/receipt.h"
#include "common/crypto/signing_key.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {

struct ReceiptKeys {
  PublicKey coordinator;  // signs receipts
  NoteVerifier log;       // signs tree heads
};
// The keys this workspace keeps from joining.
absl::StatusOr<ReceiptKeys> LoadReceiptKeys(const Workspace& workspace);

struct Receipt {
  std::string kind;  // "verdict" or "withdrawal"
  nlohmann::json payload;
  std::optional<VerdictReceipt> verdict;        // the payload of the one kind
  std::optional<WithdrawalReceipt> withdrawal;  // or of the other
  TreeState head;                               // the log when the receipt was signed
};
absl::StatusOr<Receipt> VerifyReceipt(absl::string_view envelope, const ReceiptKeys& keys);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_RECEIPT_H_

// The receipt of this member's withdrawal in its workspace: one that held is never replaced.
//
//   ASSIGN_OR_RETURN(const KeptWithdrawal kept,
//                    KeepWithdrawalReceipt(workspace, keys, contributor, envelope));
//   if (!kept.note.empty()) console.Warn(kept.note);
//
// A coordinator is asked again by repeating `withdraw`, and may by then have another key, another
// record or an older one. What it sends is judged before anything is written; whatever is not the
// receipt of this workspace is put beside it (withdrawal.DIGEST.json): it is evidence either way.
// Not thread-safe.
#ifndef KALAVAI_CONTRIBUTOR_WITHDRAWAL_WITHDRAWAL_RECEIPT_H_
#define KALAVAI_CONTRIBUTOR_WITHDRAWAL_WITHDRAWAL_RECEIPT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "contributor/receipt.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {

struct KeptWithdrawal {
  Receipt receipt;   // the one at workspace.WithdrawalReceiptFile()
  std::string note;  // what else is there, for the member; mostly empty
};

// Errors: those of VerifyReceipt, and RECEIPT_INVALID when it is of another kind or member; the
// message says where the receipt was put, and whether the earlier one still holds.
absl::StatusOr<KeptWithdrawal> KeepWithdrawalReceipt(const Workspace& workspace,
                                                     const ReceiptKeys& keys,
                                                     absl::string_view contributor,
                                                     absl::string_view envelope);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_WITHDRAWAL_WITHDRAWAL_RECEIPT_H_

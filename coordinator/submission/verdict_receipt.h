// The receipt of a verdict: a DSSE envelope by the coordinator's signing key, type kReceiptType
// (common/crypto/receipt.h), over canonical JSON (docs/formats/submission.md):
//   {"contributor":…,"inclusion_proof":[hex, …],"leaf":"{…}","log_index":N,"reason":"",
//    "root_digest":hex,"schema":"kalavai.receipt/2","state":"ADMITTED","submission":…,"time":"…Z",
//    "tree_head":note}
// The proof shows that `leaf` is number log_index under tree_head (common/crypto/tree_head.h).
// Within the transaction that writes leaf and verdict. Any thread.
#ifndef KALAVAI_COORDINATOR_SUBMISSION_VERDICT_RECEIPT_H_
#define KALAVAI_COORDINATOR_SUBMISSION_VERDICT_RECEIPT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "common/base/clock.h"
#include "common/crypto/signing_key.h"
#include "coordinator/audit.h"
#include "coordinator/submission/submission_store.h"
#include "coordinator/transparency/signed_log.h"

namespace kalavai::coordinator {

// Who signs. Everything is borrowed.
struct ReceiptSigner {
  const SignedLog& log;
  const SigningKey& key;  // the coordinator's
  const Clock& clock;
};

absl::StatusOr<std::string> SignVerdictReceipt(const ReceiptSigner& signer,
                                               const SubmissionRecord& record,
                                               SubmissionState state, absl::string_view reason,
                                               const std::optional<Digest>& root_digest,
                                               int64_t log_index);

// An admitted submission is quarantined by a check that failed later: leaf, receipt and row, within
// the caller's transaction. `evidence`: more fields of the leaf. PHASE_MISMATCH when it is not
// ADMITTED (any more), SUBMISSION_NOT_FOUND.
absl::Status QuarantineAdmitted(const ReceiptSigner& signer, SubmissionStore& submissions,
                                Audit& audit, absl::string_view submission,
                                const CheckResult& check, const nlohmann::json& evidence);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SUBMISSION_VERDICT_RECEIPT_H_

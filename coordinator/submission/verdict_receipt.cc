#include "coordinator/submission/verdict_receipt.h"

#include "absl/time/time.h"

#include "common/base/status_macros.h"
#include "common/crypto/dsse.h"
#include "common/crypto/receipt.h"

namespace kalavai::coordinator {
namespace {

std::string HexOrEmpty(const std::optional<Digest>& digest) {
  return digest.has_value() ? digest->Hex() : "";
}

}  // namespace

absl::StatusOr<std::string> SignVerdictReceipt(const ReceiptSigner& signer,
                                               const SubmissionRecord& record,
                                               SubmissionState state, absl::string_view reason,
                                               const std::optional<Digest>& root_digest,
                                               int64_t log_index) {
  ASSIGN_OR_RETURN(const LeafEvidence evidence, signer.log.Prove(log_index));
  nlohmann::json proof = nlohmann::json::array();
  for (const Digest& hash : evidence.inclusion_proof) proof.push_back(hash.Hex());
  const nlohmann::json receipt = {
      {"schema", kReceiptSchema},
      {"submission", record.name},
      {"contributor", record.contributor},
      {"root_digest", HexOrEmpty(root_digest)},
      {"state", std::string(SubmissionStateName(state))},
      {"reason", std::string(reason)},
      {"log_index", log_index},
      {"leaf", evidence.leaf},
      {"tree_head", evidence.tree_head},
      {"inclusion_proof", proof},
      {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", signer.clock.Now(), absl::UTCTimeZone())}};
  return SignEnvelope(signer.key, kReceiptType, receipt.dump());
}

absl::Status QuarantineAdmitted(const ReceiptSigner& signer, SubmissionStore& submissions,
                                Audit& audit, absl::string_view submission,
                                const CheckResult& check, const nlohmann::json& evidence) {
  ASSIGN_OR_RETURN(const SubmissionRecord record, submissions.Get(submission));
  nlohmann::json fields = evidence;
  fields["root_digest"] = HexOrEmpty(record.root_digest);
  fields["reason"] = check.reason;
  ASSIGN_OR_RETURN(const int64_t index,
                   audit.Append("coordinator", "QUARANTINE_SUBMISSION", submission, fields));
  ASSIGN_OR_RETURN(const std::string receipt,
                   SignVerdictReceipt(signer, record, SubmissionState::kQuarantined, check.reason,
                                      record.root_digest, index));
  return submissions.Quarantine(submission, check, receipt, signer.clock.Now());
}

}  // namespace kalavai::coordinator

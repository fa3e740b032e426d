// What a coordinator decided about this member's submission: shown, verified and kept.
#ifndef KALAVAI_CONTRIBUTOR_SUBMISSION_SUBMISSION_VERDICT_H_
#define KALAVAI_CONTRIBUTOR_SUBMISSION_SUBMISSION_VERDICT_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "contributor/coordinator_connection.h"
#include "contributor/receipt.h"
#include "contributor/workspace.h"
#include "kalavai/v1/submission.grpc.pb.h"

namespace kalavai::contributor {

// ADMITTED, QUARANTINED, REJECTED, WITHDRAWN or SUPERSEDED: nothing more happens without somebody
// acting.
bool IsDecided(v1::Submission::State state);

// The member's submission that counts: the one that waits for something (files, checks, a
// decision), else the admitted one, else the newest; nothing when there is none.
absl::StatusOr<std::optional<v1::Submission>> FindOwnSubmission(
    v1::SubmissionService::Stub& stub, const CoordinatorConnection& coordinator);

// Verifies the receipt with the coordinator's key, demands that it is about this submission, its
// verdict and its root digest, which is `signed_root` unless that is empty (hexadecimal, what this
// member signed), and keeps it in receipts/. Errors of VerifyEnvelope; PERMISSION_DENIED
// SIGNATURE_INVALID when it tells of something else. That it is recorded: CheckReceiptRecorded of
// contributor/log_history.h, with `payload`.
struct SavedReceipt {
  std::string path;
  nlohmann::json payload;
};
absl::StatusOr<SavedReceipt> SaveReceipt(const Workspace& workspace,
                                         const PublicKey& coordinator_key,
                                         const v1::Submission& submission,
                                         absl::string_view signed_root);

nlohmann::json ToJson(const v1::Submission& submission);
// One line a check.
std::string DescribeChecks(const v1::Submission& submission);

// OK when admitted; else FAILED_PRECONDITION with the reason and words of the first failed check.
absl::Status VerdictStatus(const v1::Submission& submission);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_SUBMISSION_SUBMISSION_VERDICT_H_

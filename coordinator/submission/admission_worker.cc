#include "coordinator/submission/admission_worker.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {
namespace {

std::string ActionOf(SubmissionState state) {
  switch (state) {
    case SubmissionState::kAdmitted:
      return "ADMIT_SUBMISSION";
    case SubmissionState::kQuarantined:
      return "QUARANTINE_SUBMISSION";
    default:
      return "REJECT_SUBMISSION";
  }
}

std::string HexOrEmpty(const std::optional<Digest>& digest) {
  return digest.has_value() ? digest->Hex() : "";
}

}  // namespace

absl::Status AdmissionWorker::Start(const std::string& submission) {
  return parts_.queue.Add([this, submission] {
    const absl::Status status = Check(submission);
    if (status.ok()) return;
    LogError("Could not check submission", {{"submission", submission},
                                            {"reason", GetErrorReason(status)},
                                            {"error", std::string(status.message())}});
  });
}

absl::Status AdmissionWorker::StartUnfinished() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, parts_.submissions.ListChecking());
  for (const std::string& name : names) RETURN_IF_ERROR(Start(name));
  return absl::OkStatus();
}

absl::StatusOr<AdmissionCandidate> AdmissionWorker::Gather(const SubmissionRecord& record) {
  ASSIGN_OR_RETURN(const ChildName name, ParseContributorName(record.contributor));
  ASSIGN_OR_RETURN(const CooperativeRow cooperative, parts_.cooperatives.Get(name.cooperative));
  ASSIGN_OR_RETURN(const ContributorRow contributor,
                   parts_.cooperatives.GetContributor(name.cooperative, name.id));
  ASSIGN_OR_RETURN(const CheckpointRow base, parts_.checkpoints.GetBase(name.cooperative));
  ASSIGN_OR_RETURN(PublicKey key, PublicKey::FromPem(contributor.signing_public_key));
  AdmissionCandidate candidate = {.coordinator_key_hint = parts_.signing_key.public_key().Hint(),
                                  .cooperative = record.cooperative,
                                  .contributor = record.contributor,
                                  .domain = record.domain,
                                  .nonce = record.nonce,
                                  .base_digest = base.root_digest,
                                  .freeze_depth = cooperative.freeze_depth,
                                  .chunk_tokens = cooperative.chunk_tokens,
                                  .signing_key = std::move(key),
                                  .files = {},
                                  .base_files = {},
                                  .find_copy = [this, record](const Digest& weights) {
                                    return parts_.submissions.FindByWeights(record.cooperative,
                                                                            weights, record.name);
                                  }};
  for (const SubmissionFile& file : record.files) {
    candidate.files.push_back(
        {file.path, file.digest, file.size_bytes, parts_.blobs.Path(file.digest)});
  }
  for (const CheckpointFileRow& file : base.files) {
    candidate.base_files.push_back(
        {file.path, file.digest, file.size_bytes, parts_.blobs.Path(file.digest)});
  }
  return candidate;
}

absl::Status AdmissionWorker::Check(const std::string& submission) {
  ASSIGN_OR_RETURN(const SubmissionRecord record, parts_.submissions.Get(submission));
  if (record.state != SubmissionState::kChecking) return absl::OkStatus();  // withdrawn meanwhile
  // So may the member while its bytes are read: then they are gone, and no verdict is owed.
  const auto withdrawn = [&] {
    const absl::StatusOr<SubmissionRecord> now = parts_.submissions.Get(submission);
    return now.ok() && now->state == SubmissionState::kWithdrawn;
  };
  ASSIGN_OR_RETURN(const AdmissionCandidate candidate, Gather(record));
  const absl::StatusOr<AdmissionOutcome> admitted = Admit(candidate);
  if (withdrawn()) return absl::OkStatus();
  RETURN_IF_ERROR(admitted.status());
  const AdmissionOutcome& outcome = *admitted;
  bool left = false;
  RETURN_IF_ERROR(parts_.database.Transact([&]() -> absl::Status {
    left = withdrawn();
    if (left) return absl::OkStatus();
    ASSIGN_OR_RETURN(const int64_t index,
                     parts_.audit.Append("coordinator", ActionOf(outcome.state), submission,
                                         {{"root_digest", HexOrEmpty(outcome.root_digest)},
                                          {"reason", outcome.Reason()}}));
    ASSIGN_OR_RETURN(std::string receipt,
                     SignVerdictReceipt(Signer(), record, outcome.state, outcome.Reason(),
                                        outcome.root_digest, index));
    return parts_.submissions.Decide(submission, {.state = outcome.state,
                                                  .root_digest = outcome.root_digest,
                                                  .weights_digest = outcome.weights_digest,
                                                  .divergence_percent = outcome.divergence_percent,
                                                  .checks = outcome.checks,
                                                  .receipt_envelope = std::move(receipt),
                                                  .decide_time = parts_.clock.Now()});
  }));
  if (left) return absl::OkStatus();
  LogInfo("Decided submission", {{"submission", submission},
                                 {"state", std::string(SubmissionStateName(outcome.state))},
                                 {"reason", outcome.Reason()}});
  if (outcome.state == SubmissionState::kRejected) CollectRejected();
  if (on_decided_) on_decided_(submission, outcome.state, outcome.Reason());
  return absl::OkStatus();
}

void AdmissionWorker::CollectRejected() const {
  const absl::StatusOr<Collected> collected = collector_.CollectReleased();
  if (!collected.ok()) {
    LogError("Could not collect rejected files",
             {{"error", std::string(collected.status().message())}});
  } else if (collected->files > 0) {
    LogInfo("Collected rejected files",
            {{"files", absl::StrCat(collected->files)}, {"bytes", absl::StrCat(collected->bytes)}});
  }
}

absl::StatusOr<SubmissionState> AdmissionWorker::DecideQuarantined(const std::string& submission,
                                                                   bool admit,
                                                                   absl::string_view comment,
                                                                   absl::string_view actor) {
  if (comment.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                     {.what = "comment: empty; must say who decided and why",
                      .why = "the decision goes into the log",
                      .fix = "--comment TEXT",
                      .metadata = {{"field", "comment"}}});
  }
  const SubmissionState state = admit ? SubmissionState::kAdmitted : SubmissionState::kRejected;
  RETURN_IF_ERROR(parts_.database.Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const SubmissionRecord record, parts_.submissions.Get(submission));
    ASSIGN_OR_RETURN(const int64_t index,
                     parts_.audit.Append(actor, ActionOf(state), submission,
                                         {{"root_digest", HexOrEmpty(record.root_digest)},
                                          {"comment", std::string(comment)}}));
    ASSIGN_OR_RETURN(
        const std::string receipt,
        SignVerdictReceipt(Signer(), record, state, admit ? "" : "SUBMISSION_NOT_ADMITTED",
                           record.root_digest, index));
    return parts_.submissions.DecideQuarantined(submission, admit, comment, receipt,
                                                parts_.clock.Now());
  }));
  if (!admit) CollectRejected();
  if (on_decided_) on_decided_(submission, state, "");
  return state;
}

}  // namespace kalavai::coordinator

#include "coordinator/withdrawal/withdrawals.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/crypto/dsse.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {
namespace {

nlohmann::json HexList(const std::vector<Digest>& digests) {
  nlohmann::json list = nlohmann::json::array();
  for (const Digest& digest : digests) list.push_back(digest.Hex());
  return list;
}

std::string NameOf(const WithdrawalRecord& record) {
  return ContributorName(record.cooperative, record.contributor);
}

}  // namespace

absl::Status Withdrawals::Record(absl::string_view contributor, absl::string_view actor,
                                 absl::string_view comment) {
  ASSIGN_OR_RETURN(const ChildName name, ParseContributorName(contributor));
  RETURN_IF_ERROR(parts_.submissions.ReleaseWithdrawn(contributor));
  RETURN_IF_ERROR(hooks_.forget_measurement(name.cooperative, name.id));
  return parts_.withdrawals.Insert({.cooperative = name.cooperative,
                                    .contributor = name.id,
                                    .state = WithdrawalState::kMasked,
                                    .actor = std::string(actor),
                                    .comment = std::string(comment),
                                    .withdraw_time = parts_.clock.Now()});
}

absl::StatusOr<WithdrawalRecord> Withdrawals::Get(absl::string_view contributor) const {
  ASSIGN_OR_RETURN(const ChildName name, ParseContributorName(contributor));
  return parts_.withdrawals.Get(name.cooperative, name.id);
}

absl::Status Withdrawals::Erase() {
  const absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const std::vector<WithdrawalRecord> unfinished,
                   parts_.withdrawals.ListUnfinished());
  for (const WithdrawalRecord& record : unfinished) {
    if (record.state == WithdrawalState::kMasked) RETURN_IF_ERROR(EraseOne(record));
  }
  return absl::OkStatus();
}

// Deletes first and says so afterwards: a receipt never tells of what has not happened.
absl::Status Withdrawals::EraseOne(WithdrawalRecord record) {
  // Staging first: what becomes a blob between the two is collected by the second.
  RETURN_IF_ERROR(collector_.CollectStaging().status());
  RETURN_IF_ERROR(collector_.CollectReleased().status());
  RETURN_IF_ERROR(hooks_.erase_derived());
  const std::string contributor = NameOf(record);
  const absl::Status saved = parts_.database.Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(std::vector<Digest> digests, parts_.submissions.ListDigests(contributor));
    ASSIGN_OR_RETURN(const std::optional<Digest> sample,
                     parts_.cooperatives.FindSample(record.cooperative, record.contributor));
    if (sample.has_value() && std::find(digests.begin(), digests.end(), *sample) == digests.end()) {
      digests.push_back(*sample);
      std::sort(digests.begin(), digests.end());
    }
    WithdrawalReceipt receipt;
    receipt.contributor = contributor;
    for (const Digest& digest : digests) {
      (parts_.blobs.Contains(digest) ? receipt.kept : receipt.deleted).push_back(digest);
    }
    ASSIGN_OR_RETURN(receipt.submissions, ListSubmissions(record));
    // The leaf binds every list of the receipt.
    ASSIGN_OR_RETURN(receipt.record.index,
                     parts_.audit.Append("coordinator", "ERASE_CONTRIBUTOR", contributor,
                                         WithdrawalLeafFields(receipt)));
    record.state = WithdrawalState::kErased;
    record.files_deleted = static_cast<int64_t>(receipt.deleted.size());
    ASSIGN_OR_RETURN(record.receipt_envelope, SignReceipt(receipt));
    return parts_.withdrawals.Update(record);
  });
  RETURN_IF_ERROR(saved);
  LogInfo("Erased a member's bytes",
          {{"contributor", contributor}, {"files", absl::StrCat(record.files_deleted)}});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<WithdrawalReceipt::Submission>> Withdrawals::ListSubmissions(
    const WithdrawalRecord& record) const {
  std::vector<WithdrawalReceipt::Submission> submissions;
  std::string after;
  for (;;) {
    ASSIGN_OR_RETURN(
        const std::vector<SubmissionRecord> page,
        parts_.submissions.List(CooperativeName(record.cooperative), NameOf(record), after, 500));
    if (page.empty()) return submissions;
    for (const SubmissionRecord& submission : page) {
      after = submission.name;
      submissions.push_back(
          {.name = submission.name,
           .root_digest = submission.root_digest.has_value() ? submission.root_digest->Hex() : ""});
    }
  }
}

absl::StatusOr<std::string> Withdrawals::SignReceipt(const WithdrawalReceipt& receipt) {
  nlohmann::json submissions = nlohmann::json::array();
  for (const WithdrawalReceipt::Submission& submission : receipt.submissions) {
    submissions.push_back({{"name", submission.name}, {"root_digest", submission.root_digest}});
  }
  ASSIGN_OR_RETURN(const LeafEvidence evidence, parts_.log.Prove(receipt.record.index));
  const nlohmann::json json = {
      {"schema", kWithdrawalSchema},
      {"contributor", receipt.contributor},
      {"submissions", submissions},
      {"deleted", HexList(receipt.deleted)},
      {"kept", HexList(receipt.kept)},
      {"log_index", receipt.record.index},
      {"leaf", evidence.leaf},
      {"tree_head", evidence.tree_head},
      {"inclusion_proof", HexList(evidence.inclusion_proof)},
      {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", parts_.clock.Now(), absl::UTCTimeZone())}};
  return SignEnvelope(parts_.key, kWithdrawalType, json.dump());
}

void Withdrawals::Advance() {
  const absl::MutexLock lock(&mutex_);
  const absl::StatusOr<std::vector<WithdrawalRecord>> unfinished =
      parts_.withdrawals.ListUnfinished();
  absl::Status status = unfinished.status();
  for (size_t i = 0; unfinished.ok() && i < unfinished->size(); ++i) {
    // Read again: the step of one row may have moved the next.
    const auto record =
        parts_.withdrawals.Get((*unfinished)[i].cooperative, (*unfinished)[i].contributor);
    const absl::Status advanced = record.ok() ? AdvanceOne(*record) : record.status();
    if (!advanced.ok()) {
      LogError("Could not go on with a withdrawal",
               {{"contributor", NameOf((*unfinished)[i])}, {"error", advanced.ToString()}});
    }
  }
  if (!status.ok()) LogError("Could not list withdrawals", {{"error", status.ToString()}});
}

absl::Status Withdrawals::AdvanceOne(WithdrawalRecord record) {
  switch (record.state) {
    case WithdrawalState::kErased:
      return Start(std::move(record));
    case WithdrawalState::kResolving:
      return Conclude(std::move(record));
    case WithdrawalState::kMasked:  // Erase comes first
    case WithdrawalState::kDone:
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ModelRecord>> Withdrawals::Served(
    absl::string_view cooperative) const {
  ASSIGN_OR_RETURN(const std::vector<ModelRecord> served, parts_.models.ListServed());
  std::optional<ModelRecord> found;
  for (const ModelRecord& model : served) {
    if (model.cooperative == CooperativeName(cooperative)) found = model;  // the latest turn's
  }
  return found;
}

absl::Status Withdrawals::Start(WithdrawalRecord record) {
  ASSIGN_OR_RETURN(const std::optional<ModelRecord> served, Served(record.cooperative));
  if (!served.has_value()) return SetDone(std::move(record), "");
  ASSIGN_OR_RETURN(const bool concerned, parts_.models.HasWithdrawn(served->name));
  if (!concerned) return SetDone(std::move(record), "");
  record.masked_model = served->name;
  ASSIGN_OR_RETURN(const FusionRecord fusion, parts_.fusions.Get(served->fusion));
  ReSolve wish{.cooperative = record.cooperative,
               .submissions = {},
               .seed = fusion.seed,
               .steps = fusion.steps,
               .threads = fusion.threads,
               .mixture = fusion.mixture,
               .masked_model = served->name};
  for (const ModelExpertRecord& expert : served->experts) {
    if (expert.submission.empty()) continue;
    ASSIGN_OR_RETURN(const SubmissionRecord submission, parts_.submissions.Get(expert.submission));
    if (submission.state != SubmissionState::kWithdrawn)
      wish.submissions.push_back(submission.name);
  }
  if (wish.submissions.size() < 2) {
    hooks_.reload(served->name);
    return SetDone(std::move(record), "NOT_ENOUGH_SPECIALISTS");
  }
  const absl::Status started = hooks_.start_fusion(wish, [&](const std::string& name) {
    record.state = WithdrawalState::kResolving;
    record.fusion = name;
    return parts_.withdrawals.Update(record);
  });
  const std::string reason = GetErrorReason(started);
  // Whatever runs ends some time, and calls Advance.
  if (started.ok() || reason == "FUSION_RUNNING") return absl::OkStatus();
  if (reason.empty() || started.code() == absl::StatusCode::kResourceExhausted ||
      started.code() == absl::StatusCode::kUnavailable) {
    return started;  // ours, or for the moment: again at the next start
  }
  LogWarning("Cannot fuse without a withdrawn member",
             {{"contributor", NameOf(record)}, {"error", started.ToString()}});
  hooks_.reload(served->name);
  return SetDone(std::move(record), reason);
}

absl::Status Withdrawals::Conclude(WithdrawalRecord record) {
  ASSIGN_OR_RETURN(const FusionRecord fusion, parts_.fusions.Get(record.fusion));
  if (!IsFinal(fusion.state)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool left, parts_.fusions.HasWithdrawn(record.fusion));
  if (left) {  // one more member has left: the next re-solve is without both
    record.state = WithdrawalState::kErased;
    record.fusion = "";
    RETURN_IF_ERROR(parts_.withdrawals.Update(record));
    return Start(std::move(record));
  }
  std::string reason = fusion.failure_reason;
  if (fusion.state == FusionState::kSucceeded) {
    // Somebody may have released another model meanwhile: that one stays.
    ASSIGN_OR_RETURN(const std::optional<ModelRecord> served, Served(record.cooperative));
    const bool replaced = !served.has_value() || served->name != record.masked_model;
    if (replaced) {
      if (served.has_value() && served->fusion == record.fusion) record.model = served->name;
      return SetDone(std::move(record), "");
    }
    const absl::Status released = hooks_.release(record.fusion, [&](const std::string& model) {
      record.model = model;
      return SetDone(record, "");
    });
    if (released.ok()) return absl::OkStatus();
    record.model = "";
    reason = GetErrorReason(released);
    if (reason.empty()) return released;
    LogWarning("Did not release the model without a withdrawn member",
               {{"contributor", NameOf(record)}, {"error", released.ToString()}});
  }
  hooks_.reload(record.masked_model);
  return SetDone(std::move(record), reason);
}

absl::Status Withdrawals::SetDone(WithdrawalRecord record, absl::string_view outcome) {
  record.state = WithdrawalState::kDone;
  record.outcome = std::string(outcome);
  record.done_time = parts_.clock.Now();
  return parts_.withdrawals.Update(record);
}

}  // namespace kalavai::coordinator

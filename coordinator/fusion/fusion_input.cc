#include "coordinator/fusion/fusion_input.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/probe/gate_statistics.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {
namespace {

absl::Status FieldInvalid(absl::string_view field, absl::string_view rule) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
      {.what = absl::StrCat(field, ": ", rule), .metadata = {{"field", std::string(field)}}});
}

absl::Status NotAdmitted(const FusionSources& sources, const FusionWish& wish,
                         absl::string_view submission) {
  const absl::StatusOr<SubmissionRecord> record = sources.submissions.Get(submission);
  const bool known = record.ok() && record->cooperative == CooperativeName(wish.cooperative);
  const std::string state =
      known ? std::string(SubmissionStateName(record->state)) : "not one of this cooperative";
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "SUBMISSION_NOT_ADMITTED",
      {.what = absl::StrCat(submission, ": is ", state, "; must be ADMITTED"),
       .why = "quarantined, rejected, superseded and withdrawn specialists are not fused",
       .fix = "leave it out, or decide about it first: 'kalavai-coordinator members' lists them",
       .metadata = {{"submission", std::string(submission)}, {"state", state}}});
}

// The admitted submissions that are wished for, by name.
absl::StatusOr<std::vector<AdmittedSubmission>> ChooseSubmissions(const FusionSources& sources,
                                                                  const FusionWish& wish) {
  const std::string cooperative = CooperativeName(wish.cooperative);
  ASSIGN_OR_RETURN(std::vector<AdmittedSubmission> admitted,
                   wish.superseded ? sources.submissions.ListUsable(cooperative)
                                   : sources.submissions.ListAdmitted(cooperative));
  if (!wish.submissions.empty()) {
    std::vector<AdmittedSubmission> chosen;
    std::set<std::string> names;
    for (const std::string& name : wish.submissions) {
      if (!names.insert(name).second) return FieldInvalid("submissions", name + " stands twice");
      const auto found =
          std::find_if(admitted.begin(), admitted.end(),
                       [&](const AdmittedSubmission& s) { return s.submission == name; });
      if (found == admitted.end()) return NotAdmitted(sources, wish, name);
      chosen.push_back(*found);
    }
    admitted = std::move(chosen);
  }
  std::sort(admitted.begin(), admitted.end(),
            [](const AdmittedSubmission& a, const AdmittedSubmission& b) {
              return a.submission < b.submission;
            });
  if (admitted.size() < 2) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "NOT_ENOUGH_SPECIALISTS",
                     {.what = absl::StrCat("admitted specialists: ", admitted.size(),
                                           " found; must be at least 2"),
                      .why = "one specialist has nobody to be fused with",
                      .fix = "wait for submissions, or decide about the quarantined ones",
                      .metadata = {{"found", absl::StrCat(admitted.size())}}});
  }
  return admitted;
}

absl::Status CheckProbeTexts(const std::vector<AdmittedSubmission>& admitted,
                             const std::vector<ProbeTextRow>& texts) {
  // Statistics of text that stays at home do for the prior; figures need some probe text. No figure
  // counts a public class.
  const bool measurable = std::any_of(texts.begin(), texts.end(),
                                      [](const ProbeTextRow& text) { return !text.public_class; });
  std::set<std::string> missing;
  std::set<std::string> domains;
  for (const AdmittedSubmission& submission : admitted) {
    domains.insert(submission.domain);
    if (submission.FindFile(kGateStatisticsFile) == nullptr) missing.insert(submission.domain);
  }
  for (const ProbeTextRow& text : texts) {
    if (!text.public_class) missing.erase(text.domain);
  }
  if (missing.empty() && !measurable) {
    const std::string list = absl::StrJoin(domains, ", ");
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "PROBE_TEXT_MISSING",
        {.what = absl::StrCat("probe text: none for ", list, "; at least one domain needs some"),
         .why = "gate statistics do for the router; every figure is measured on probe text, and a "
                "public class counts in none",
         .fix = "a member shares a sample, 'kalavai share-sample'; before the launch: "
                "'kalavai-coordinator coop probe add' without --public-class",
         .metadata = {{"domains", list}}});
  }
  if (missing.empty()) return absl::OkStatus();
  const std::string list = absl::StrJoin(missing, ", ");
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "PROBE_TEXT_MISSING",
      {.what =
           absl::StrCat("probe text: none for ", list, "; every specialist's domain needs some"),
       .why = "the router is trained and every figure measured on probe text",
       .fix = "a member of that domain shares a sample, 'kalavai share-sample', or sends gate "
              "statistics, 'kalavai statistics'; or leave its submission out; before the launch: "
              "'kalavai-coordinator coop probe add'",
       .metadata = {{"domains", list}}});
}

// The texts of the charter, and the samples that are wished for.
absl::Status ChooseProbeTexts(const FusionSources& sources, const FusionWish& wish,
                              FusionPlan& plan) {
  ASSIGN_OR_RETURN(std::vector<ProbeTextRow> texts,
                   sources.cooperatives.ListProbeTexts(wish.cooperative));
  for (ProbeTextRow& text : texts) {
    if (!text.contributor.empty()) {
      if (wish.samples.has_value() && std::find(wish.samples->begin(), wish.samples->end(),
                                                text.contributor) == wish.samples->end()) {
        continue;
      }
      plan.samples.push_back(text.contributor);
    }
    plan.probe_texts.push_back(std::move(text));
  }
  std::sort(plan.samples.begin(), plan.samples.end());
  return absl::OkStatus();
}

// Submissions of the cooperative that are neither chosen nor still under way.
absl::StatusOr<std::vector<LeftOut>> ListLeftOut(const FusionSources& sources,
                                                 const FusionWish& wish,
                                                 const std::vector<AdmittedSubmission>& chosen) {
  std::vector<LeftOut> left_out;
  std::string after;
  for (;;) {
    ASSIGN_OR_RETURN(const std::vector<SubmissionRecord> page,
                     sources.submissions.List(CooperativeName(wish.cooperative), "", after, 500));
    if (page.empty()) return left_out;
    for (const SubmissionRecord& record : page) {
      after = record.name;
      if (record.state != SubmissionState::kQuarantined &&
          record.state != SubmissionState::kAdmitted) {
        continue;
      }
      if (std::any_of(chosen.begin(), chosen.end(),
                      [&](const AdmittedSubmission& s) { return s.submission == record.name; })) {
        continue;
      }
      LeftOut out{.submission = record.name,
                  .contributor = record.contributor,
                  .domain = record.domain,
                  .state = std::string(SubmissionStateName(record.state)),
                  .reason = ""};
      for (const CheckResult& check : record.checks) {
        if (check.check == "administrator" && check.passed) out.reason.clear();  // that was before
        if (!check.passed && out.reason.empty()) out.reason = check.reason;
        if (!check.passed && check.check == kProbeDivergenceCheck) out.detail = check.message;
      }
      left_out.push_back(std::move(out));
    }
  }
}

void AddExpert(FusionExpert expert, absl::string_view label, std::vector<BlobFile> files,
               FusionPlan& plan) {
  plan.inputs.experts.push_back({.label = std::string(label),
                                 .submission = expert.submission,
                                 .contributor = expert.contributor,
                                 .domain = expert.domain,
                                 .root_digest = expert.root_digest.Hex()});
  plan.experts.push_back(std::move(expert));
  plan.expert_files.push_back(std::move(files));
}

// One way to name a missing file, whoever names it.
absl::Status RequireBlob(const BlobStore& blobs, const Digest& digest, std::string whose) {
  if (blobs.Contains(digest)) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kNotFound, "BLOB_NOT_FOUND",
      {.what = absl::StrCat(whose, ": blob ", digest.Hex(), " is missing; must be in the store"),
       .why = "its bytes were deleted, or the data directory is damaged",
       .fix = "'kalavai-coordinator verify' lists everything that is missing",
       .metadata = {{"digest", digest.Hex()}}});
}

}  // namespace

absl::Status CheckBytes(const BlobStore& blobs, const FusionPlan& plan) {
  for (const ProbeTextRow& text : plan.probe_texts) {
    RETURN_IF_ERROR(RequireBlob(blobs, text.digest, absl::StrCat("probe text of ", text.domain)));
  }
  for (size_t i = 0; i < plan.experts.size(); ++i) {
    const std::string& submission = plan.experts[i].submission;
    for (const BlobFile& file : plan.expert_files[i]) {
      RETURN_IF_ERROR(
          RequireBlob(blobs, file.digest,
                      absl::StrCat(submission.empty() ? "base" : submission, " ", file.path)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<FusionPlan> PlanFusion(const FusionSources& sources, const FusionWish& wish) {
  if (wish.steps < 1 || wish.steps > limits::kFusionStepsMax) {
    return FieldInvalid("steps",
                        absl::StrCat(wish.steps, " found; must be 1 to ", limits::kFusionStepsMax));
  }
  if (wish.threads < 1 || wish.threads > limits::kFusionThreadsMax) {
    return FieldInvalid("threads", absl::StrCat(wish.threads, " found; must be 1 to 1024"));
  }
  ASSIGN_OR_RETURN(const CooperativeRow cooperative,
                   sources.cooperatives.GetFor(wish.cooperative, CooperativeAct::kFuse));
  ASSIGN_OR_RETURN(const CheckpointRow base, sources.checkpoints.GetBase(wish.cooperative));
  ASSIGN_OR_RETURN(const std::vector<AdmittedSubmission> admitted,
                   ChooseSubmissions(sources, wish));
  FusionPlan plan;
  RETURN_IF_ERROR(ChooseProbeTexts(sources, wish, plan));
  RETURN_IF_ERROR(CheckProbeTexts(admitted, plan.probe_texts));

  std::vector<BlobFile> base_files;
  for (const CheckpointFileRow& file : base.files) base_files.push_back({file.path, file.digest});
  AddExpert({.submission = "", .contributor = "", .domain = "", .root_digest = base.root_digest},
            "base", std::move(base_files), plan);
  plan.statistics.emplace_back();
  for (const AdmittedSubmission& submission : admitted) {
    std::vector<BlobFile> files;
    for (const SubmissionFile& file : submission.files) {
      if (IsModelFile(file.path)) files.push_back({file.path, file.digest});
    }
    ASSIGN_OR_RETURN(const ChildName contributor, ParseContributorName(submission.contributor));
    const bool has_text = std::any_of(
        plan.probe_texts.begin(), plan.probe_texts.end(),
        [&](const auto& text) { return text.domain == submission.domain && !text.public_class; });
    const Digest* const statistics = submission.FindFile(kGateStatisticsFile);
    plan.statistics.push_back(has_text || statistics == nullptr ? std::optional<Digest>()
                                                                : *statistics);
    AddExpert({.submission = submission.submission,
               .contributor = submission.contributor,
               .domain = submission.domain,
               .root_digest = submission.root_digest},
              contributor.id, std::move(files), plan);
    plan.inputs.experts.back().stated_divergence_percent = submission.divergence_percent;
  }
  for (size_t i = 0; i < plan.experts.size(); ++i) {
    if (plan.statistics[i].has_value()) {
      plan.inputs.experts[i].statistics_digest = plan.statistics[i]->Hex();
    }
  }
  ASSIGN_OR_RETURN(plan.inputs.left_out, ListLeftOut(sources, wish, admitted));
  for (const ReferenceModel& reference : wish.references) {
    plan.inputs.references.push_back(
        {.label = reference.label, .root_digest = reference.root_digest.Hex()});
  }
  plan.inputs.cooperative = CooperativeName(wish.cooperative);
  plan.inputs.base_digest = base.root_digest.Hex();
  plan.inputs.charter_digest = Sha256Of(cooperative.charter_envelope).Hex();
  plan.inputs.seed = wish.seed;
  plan.inputs.steps = wish.steps;
  plan.inputs.threads = wish.threads;
  plan.inputs.mixture = wish.mixture;
  plan.inputs.chunk_tokens = cooperative.chunk_tokens;
  plan.inputs.program_version = std::string(Version());
  return plan;
}

}  // namespace kalavai::coordinator

#include "coordinator/fusion/specialist_screening.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "common/base/errors.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "coordinator/fusion/fusion_report.h"

namespace kalavai::coordinator {
namespace {

constexpr char kReason[] = "PROBE_DIVERGENCE_NEGATIVE";

std::string Stated(const SubmissionRecord& record) {
  if (!record.divergence_percent.has_value()) return "no figure";
  return absl::StrFormat("%.4f %%", *record.divergence_percent);
}

}  // namespace

std::vector<std::optional<double>> ProbeDivergences(const ProbeText& probe,
                                                    std::span<const FusionExpert> experts,
                                                    std::span<const ProbeCache> caches) {
  std::vector<std::optional<double>> divergences(experts.size());
  const std::vector<double> base = MeanLosses(probe, caches[0], ProbePart::kRouter);
  for (size_t i = 1; i < experts.size(); ++i) {
    const auto domain =
        std::find_if(probe.domains.begin(), probe.domains.end(), [&](const ProbeDomain& each) {
          return !each.public_class && each.name == experts[i].domain;
        });
    if (domain == probe.domains.end()) continue;
    const auto d = static_cast<size_t>(domain - probe.domains.begin());
    const double own = MeanLosses(probe, caches[i], ProbePart::kRouter)[d];
    divergences[i] = 100 * (base[d] - own) / base[d];
  }
  return divergences;
}

bool AdmittedDespiteProbe(const SubmissionRecord& record) {
  const auto quarantined =
      std::find_if(record.checks.begin(), record.checks.end(),
                   [](const CheckResult& check) { return check.reason == kReason; });
  return record.state == SubmissionState::kAdmitted && quarantined != record.checks.end();
}

absl::StatusOr<std::vector<SpecialistScreening::Finding>> SpecialistScreening::Find(
    const FusionRecord& fusion, std::span<const std::optional<double>> divergences) const {
  std::vector<Finding> findings;
  for (size_t i = 1; i < fusion.experts.size(); ++i) {
    if (!divergences[i].has_value() || *divergences[i] > 0) continue;
    ASSIGN_OR_RETURN(SubmissionRecord record,
                     dependencies_.submissions.Get(fusion.experts[i].submission));
    if (AdmittedDespiteProbe(record)) continue;
    findings.push_back({.expert = i, .record = std::move(record), .percent = *divergences[i]});
  }
  return findings;
}

absl::StatusOr<std::vector<size_t>> SpecialistScreening::Screen(
    const FusionRecord& fusion, std::span<const std::optional<double>> divergences) {
  ASSIGN_OR_RETURN(const std::vector<Finding> findings, Find(fusion, divergences));
  std::vector<size_t> without;
  if (findings.empty()) return without;
  std::vector<std::string> names;
  for (const Finding& finding : findings) {
    without.push_back(finding.expert);
    names.push_back(absl::StrFormat("%s (%s): %.4f %%, its own report says %s", finding.record.name,
                                    finding.record.domain, finding.percent,
                                    Stated(finding.record)));
    LogWarning("Specialist is not better than the base",
               {{"fusion", fusion.name},
                {"submission", finding.record.name},
                {"divergence_percent", absl::StrFormat("%.4f", finding.percent)},
                {"stated", Stated(finding.record)}});
  }
  const bool superseded = std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.record.state == SubmissionState::kSuperseded;
  });
  const bool goes_on = fusion.experts.size() - findings.size() > 2;
  const absl::Status failure = MakeError(
      absl::StatusCode::kFailedPrecondition, kReason,
      {.what = absl::StrCat("divergence on the domain's probe text: ", absl::StrJoin(names, "; "),
                            "; must be above 0",
                            goes_on ? "" : ", and fewer than two other specialists are left"),
       .why = "a specialist no better than the base on its domain's text has nothing to add",
       .fix = "'kalavai-coordinator decide' about it, or wait for a better one; then fuse again",
       .metadata = {{"submission", findings[0].record.name}}});
  if (superseded) return failure;  // its member has a newer one; a new fusion takes that
  const absl::Status written = dependencies_.database.Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(Write(fusion, findings));
    if (goes_on) return GoOnWithout(fusion, findings);
    RETURN_IF_ERROR(dependencies_.fusions.SetFailed(fusion.name, kReason, failure.message(),
                                                    dependencies_.clock.Now()));
    return dependencies_.audit
        .Append("coordinator", "FAIL_FUSION", fusion.name, {{"reason", kReason}})
        .status();
  });
  RETURN_IF_ERROR(written);
  if (!goes_on) return failure;
  return without;
}

absl::Status SpecialistScreening::Write(const FusionRecord& fusion,
                                        const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    const CheckResult check = {
        .check = kProbeDivergenceCheck,
        .passed = false,
        .reason = kReason,
        .message = absl::StrFormat(
            "divergence on the probe text of %s: %.4f %%; must be above 0; divergence.json says %s",
            finding.record.domain, finding.percent, Stated(finding.record))};
    RETURN_IF_ERROR(dependencies_.quarantine(
        finding.record.name, check,
        {{"fusion", fusion.name}, {"divergence_percent", finding.percent}}));
  }
  return absl::OkStatus();
}

absl::Status SpecialistScreening::GoOnWithout(FusionRecord fusion,
                                              const std::vector<Finding>& findings) {
  std::vector<FusionExpert> screened;
  for (size_t k = findings.size(); k-- > 0;) {
    const auto at = fusion.experts.begin() + static_cast<std::ptrdiff_t>(findings[k].expert);
    screened.push_back(*at);
    fusion.experts.erase(at);
  }
  ASSIGN_OR_RETURN(FusionPlan plan, dependencies_.plan_again(fusion));
  // As it was when the fusion was created, and those it found itself.
  ASSIGN_OR_RETURN(std::vector<LeftOut> left_out, LeftOutOf(fusion.input_json));
  for (const LeftOut& now : plan.inputs.left_out) {
    if (std::any_of(screened.begin(), screened.end(), [&](const FusionExpert& expert) {
          return expert.submission == now.submission;
        })) {
      left_out.push_back(now);
    }
  }
  plan.inputs.left_out = std::move(left_out);
  fusion.input_json = ReportInputsJson(plan.inputs);
  RETURN_IF_ERROR(dependencies_.fusions.Replan(fusion, screened));
  return dependencies_.audit
      .Append("coordinator", "REPLAN_FUSION", fusion.name,
              {{"inputs_digest", Sha256Of(fusion.input_json).Hex()}})
      .status();
}

}  // namespace kalavai::coordinator

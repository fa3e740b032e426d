#include "coordinator/fusion/fusion_page.h"

#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace kalavai::coordinator {
namespace {

std::string NameOf(const ReportExpert& expert) {
  if (expert.domain.empty()) return expert.label;
  return absl::StrCat(expert.label, " (", expert.domain, ")");
}

void AppendRow(absl::string_view label, const DomainLosses& losses, std::string& page) {
  absl::StrAppend(&page, "| ", label, " |");
  for (const double loss : losses.by_domain) absl::StrAppendFormat(&page, " %.4f |", loss);
  absl::StrAppendFormat(&page, " %.4f |\n", losses.equal_weight);
}

void AppendDomainHeader(const FusionOutcome& outcome, absl::string_view first,
                        absl::string_view last, std::string& page) {
  absl::StrAppend(&page, "| ", first, " |");
  for (size_t d = 0; d < outcome.domains.size(); ++d) {
    absl::StrAppend(&page, " ", outcome.domains[d], outcome.public_class[d] != 0 ? " (public)" : "",
                    " |");
  }
  if (!last.empty()) absl::StrAppend(&page, " ", last, " |");
  absl::StrAppend(&page, "\n|---|");
  const size_t columns = outcome.domains.size() + (last.empty() ? 0U : 1U);
  for (size_t d = 0; d < columns; ++d) absl::StrAppend(&page, "---|");
  absl::StrAppend(&page, "\n");
}

void AppendLosses(const ReportInputs& inputs, const FusionOutcome& outcome, std::string& page) {
  absl::StrAppend(&page,
                  "## Loss\n\nNats per token on the evaluation part of the probe text; lower is "
                  "better. EW: mean over the cooperative's domains.\n\n");
  AppendDomainHeader(outcome, "", "EW", page);
  for (size_t i = 0; i < outcome.experts.size(); ++i) {
    AppendRow(NameOf(inputs.experts[i]), outcome.experts[i], page);
  }
  AppendRow("uniform mixture", outcome.uniform, page);
  if (outcome.weight_average.has_value()) {
    AppendRow("weight average", *outcome.weight_average, page);
  }
  AppendRow("**fused**", outcome.fused, page);
  AppendRow("oracle (domain known)", outcome.oracle, page);
  AppendRow("oracle per token", outcome.token_oracle, page);
  for (size_t i = 0; i < outcome.references.size(); ++i) {
    AppendRow(absl::StrCat("reference: ", inputs.references[i].label), outcome.references[i], page);
  }
  if (!outcome.references.empty()) {
    absl::StrAppend(&page,
                    "\nReference models are measured beside the mixture and no part of it.\n");
  }
  absl::StrAppend(&page, "\n");
}

std::string Interval(const Estimate& estimate) {
  return absl::StrFormat("%.2f %% | %.2f to %.2f %%", estimate.gain_percent, estimate.interval.low,
                         estimate.interval.high);
}

void AppendGain(const ReportInputs& inputs, const FusionOutcome& outcome, std::string& page) {
  const ReportExpert& best = inputs.experts[static_cast<size_t>(outcome.best_specialist)];
  const double gap = outcome.fused.equal_weight - outcome.oracle.equal_weight;
  absl::StrAppendFormat(&page,
                        "## Gain\n\n**%.2f %%** over the best single specialist, %s. The oracle "
                        "gains %.2f %%; the fused model is %.4f nats/token %s it.\n\n",
                        outcome.gain_percent, NameOf(best), outcome.oracle_gain_percent,
                        std::abs(gap), gap < 0 ? "below" : "above");
  if (outcome.efficiency.has_value()) {
    absl::StrAppendFormat(&page, "Router efficiency: %.1f %%.\n\n", 100 * *outcome.efficiency);
  }
  absl::StrAppend(&page,
                  "| predicted on the router part | gain | 95 % interval |\n|---|---|---|\n");
  absl::StrAppend(&page, "| oracle | ", Interval(outcome.oracle_forecast), " |\n");
  if (outcome.coverage.has_value()) {
    absl::StrAppend(&page, "| coverage | ", Interval(*outcome.coverage), " |\n");
  }
  if (outcome.line.has_value()) {
    absl::StrAppend(&page, "| line (published, n = 6)",
                    outcome.line->in_range ? "" : ", outside the fitted range", " | ",
                    Interval(outcome.line->estimate), " |\n");
  }
  absl::StrAppendFormat(&page, "| **realised** | %.2f %% | |\n\n", outcome.gain_percent);
}

std::string PercentOr(const std::optional<double>& percent, absl::string_view none) {
  return percent.has_value() ? absl::StrFormat("%.2f %%", *percent) : std::string(none);
}

void AppendDivergence(const ReportInputs& inputs, const FusionOutcome& outcome, std::string& page) {
  absl::StrAppend(&page,
                  "## Divergence\n\nHow much better than the base a specialist is on its own "
                  "domain: by its signed report on text at home, and as measured on the "
                  "evaluation part.\n\n| contributor | stated | measured |\n|---|---|---|\n");
  for (size_t i = 1; i < inputs.experts.size(); ++i) {
    absl::StrAppend(&page, "| ", NameOf(inputs.experts[i]), " | ",
                    PercentOr(inputs.experts[i].stated_divergence_percent, "nothing"), " | ",
                    PercentOr(outcome.divergence.specialist_percent[i - 1], "no probe text"),
                    " |\n");
  }
  absl::StrAppend(&page, "\n");
}

void AppendShares(const ReportInputs& inputs, const FusionOutcome& outcome, std::string& page) {
  absl::StrAppend(&page,
                  "## Who speaks\n\nMean weight of each expert while a domain's text is "
                  "predicted.\n\n");
  AppendDomainHeader(outcome, "", "", page);
  for (size_t i = 0; i < inputs.experts.size(); ++i) {
    absl::StrAppend(&page, "| ", NameOf(inputs.experts[i]), " |");
    for (const std::vector<double>& share : outcome.share) {
      absl::StrAppendFormat(&page, " %.1f %% |", 100 * share[i]);
    }
    absl::StrAppend(&page, "\n");
  }
  absl::StrAppend(&page, "\n");
}

void AppendCredit(const ReportInputs& inputs, const FusionOutcome& outcome, std::string& page) {
  absl::StrAppend(&page,
                  "## Credit\n\nExact Shapley values of what the oracle gains over the base.\n\n"
                  "| contributor | nats/token | % of the base's loss | leave-one-out |\n"
                  "|---|---|---|---|\n");
  for (size_t i = 0; i < outcome.credit_nats.shapley.size(); ++i) {
    absl::StrAppendFormat(&page, "| %s | %.4f | %.2f | %.4f |\n", NameOf(inputs.experts[i + 1]),
                          outcome.credit_nats.shapley[i], outcome.credit_percent.shapley[i],
                          outcome.credit_nats.leave_one_out[i]);
  }
  absl::StrAppendFormat(&page, "| all | %.4f | %.2f | |\n\n", outcome.credit_nats.total,
                        outcome.credit_percent.total);
}

void AppendChecks(const FusionOutcome& outcome, std::string& page) {
  absl::StrAppend(&page, "## Checks\n\n");
  absl::StrAppendFormat(
      &page, "- Collapse: %s (%.4f nats/token above the oracle; the limit is %.4f).\n",
      outcome.collapsed ? "**yes**" : "no",
      outcome.fused.equal_weight - outcome.oracle.equal_weight, outcome.collapse_threshold_nats);
  absl::StrAppendFormat(&page,
                        "- Guard: %s (no domain may be worse than the better of base and best "
                        "specialist by more than %.1f %%).\n",
                        outcome.guard_met ? "met" : "**not met**", 100 * kGuardTolerance);
  for (size_t d = 0; d < outcome.guard.size(); ++d) {
    if (outcome.guard[d].met) continue;
    absl::StrAppendFormat(&page, "  - %s: %.2f %% worse.\n", outcome.domains[d],
                          outcome.guard[d].excess_percent);
  }
  if (outcome.spliced_oracle > 0) {
    absl::StrAppendFormat(
        &page,
        "- Change of subject: %.4f nats/token on texts spliced from two domains, %.2f %% above the "
        "oracle that knows where they change.\n",
        outcome.spliced_loss, 100 * (outcome.spliced_loss / outcome.spliced_oracle - 1));
  }
  absl::StrAppend(&page, "\n| tokens read before | fused | oracle |\n|---|---|---|\n");
  for (const PositionBucket& bucket : outcome.positions) {
    absl::StrAppendFormat(&page, "| %d to %d | %.4f | %.4f |\n", bucket.begin, bucket.end - 1,
                          bucket.fused, bucket.oracle);
  }
  absl::StrAppend(&page, "\n");
}

void AppendLadder(const ReportRouter& router, const FusionOutcome& outcome, std::string& page) {
  absl::StrAppend(&page,
                  "## Router\n\n| rung | loss on the held-out third | EW on the evaluation part |\n"
                  "|---|---|---|\n");
  for (size_t k = 0; k < outcome.ladder.size(); ++k) {
    const RungEvaluation& rung = outcome.ladder[k];
    absl::StrAppendFormat(&page, "| %s%s | %.4f | %.4f |\n", RouterRungName(rung.rung),
                          rung.rung == outcome.router.rung ? " (kept)" : "",
                          router.held_out_loss[k], rung.equal_weight_loss);
  }
  absl::StrAppendFormat(&page, "\nAlpha %.6f. Choice: %s.\n", outcome.router.alpha,
                        router.training_reason);
  if (!outcome.choice.reason.empty()) {
    absl::StrAppend(&page, "\nFallback: ", outcome.choice.reason, "\n");
  }
}

void AppendInputs(const ReportInputs& inputs, const ReportRouter& router,
                  const FusionOutcome& outcome, std::string& page) {
  absl::StrAppend(&page, "## Inputs\n\n| what | digest |\n|---|---|\n");
  absl::StrAppend(&page, "| charter | `", inputs.charter_digest, "` |\n");
  absl::StrAppend(&page, "| probe text | `", inputs.probe_digest, "` |\n");
  for (const ReportExpert& expert : inputs.experts) {
    absl::StrAppend(&page, "| ", NameOf(expert), " | `", expert.root_digest, "` |\n");
    if (expert.statistics_digest.empty()) continue;
    absl::StrAppend(&page, "| gate statistics of ", NameOf(expert), " | `",
                    expert.statistics_digest, "`");
    if (expert.statistics_noise.has_value()) {
      absl::StrAppendFormat(&page, ", with noise: epsilon %g, delta %g for each chunk",
                            expert.statistics_noise->epsilon, expert.statistics_noise->delta);
    }
    absl::StrAppend(&page, " |\n");
  }
  for (const ReportReference& reference : inputs.references) {
    absl::StrAppend(&page, "| reference: ", reference.label, " | `", reference.root_digest,
                    "` |\n");
  }
  absl::StrAppend(&page, "| router | `", router.digest, "` |\n\n");
  absl::StrAppendFormat(
      &page,
      "Mixture: %s. Seed %d, %d router steps, %d threads, chunks of %d tokens, version %s, "
      "LibTorch %s (%s).\n\n",
      MixtureName(inputs.mixture), inputs.seed, inputs.steps, inputs.threads, inputs.chunk_tokens,
      inputs.program_version, inputs.torch_version, inputs.vector_level);
  if (inputs.mixture == Mixture::kLogit) {
    absl::StrAppend(&page,
                    "Fused losses, and those of the rungs on the evaluation part, are of mixed "
                    "logits, measured in a pass of their own; the uniform mixture, the router's "
                    "training and its held-out losses are of probabilities.\n\n");
  }
  AppendLadder(router, outcome, page);
  if (inputs.left_out.empty()) return;
  absl::StrAppend(&page, "\n## Left out\n\n");
  for (const LeftOut& submission : inputs.left_out) {
    absl::StrAppend(&page, "- ", submission.submission, " (", submission.domain,
                    "): ", submission.state,
                    submission.reason.empty() ? "" : absl::StrCat(", ", submission.reason),
                    submission.detail.empty() ? "" : absl::StrCat(": ", submission.detail), "\n");
  }
}

}  // namespace

std::string FusionPage(const ReportInputs& inputs, const ReportRouter& router,
                       const FusionOutcome& outcome) {
  std::string page = absl::StrCat("# Fusion of ", inputs.cooperative, "\n\n");
  AppendGain(inputs, outcome, page);
  AppendLosses(inputs, outcome, page);
  AppendDivergence(inputs, outcome, page);
  AppendShares(inputs, outcome, page);
  AppendCredit(inputs, outcome, page);
  AppendChecks(outcome, page);
  AppendInputs(inputs, router, outcome, page);
  return page;
}

}  // namespace kalavai::coordinator

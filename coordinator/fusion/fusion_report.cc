#include "coordinator/fusion/fusion_report.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/status_macros.h"
#include "common/rpc/message_limits.h"
#include "coordinator/fusion/fusion_page.h"

namespace kalavai::coordinator {
namespace {

using nlohmann::json;

json Optional(const std::optional<double>& value) {
  return value.has_value() ? json(*value) : json(nullptr);
}

json EstimateJson(const Estimate& estimate) {
  return {{"gain_percent", estimate.gain_percent},
          {"low", estimate.interval.low},
          {"high", estimate.interval.high}};
}

json NoiseJson(const std::optional<StatisticsNoise>& noise) {
  if (!noise.has_value()) return nullptr;
  return {{"epsilon", noise->epsilon},
          {"delta", noise->delta},
          {"clip", noise->clip},
          {"sigma", noise->sigma}};
}

json InputsJson(const ReportInputs& inputs) {
  json experts = json::array();
  for (const ReportExpert& expert : inputs.experts) {
    experts.push_back({{"label", expert.label},
                       {"submission", expert.submission},
                       {"contributor", expert.contributor},
                       {"domain", expert.domain},
                       {"root_digest", expert.root_digest}});
    if (!expert.statistics_digest.empty()) {
      experts.back()["statistics_digest"] = expert.statistics_digest;
      experts.back()["statistics_noise"] = NoiseJson(expert.statistics_noise);
    }
  }
  json references = json::array();
  for (const ReportReference& reference : inputs.references) {
    references.push_back({{"label", reference.label}, {"root_digest", reference.root_digest}});
  }
  json left_out = json::array();
  for (const LeftOut& submission : inputs.left_out) {
    left_out.push_back({{"submission", submission.submission},
                        {"contributor", submission.contributor},
                        {"domain", submission.domain},
                        {"state", submission.state},
                        {"reason", submission.reason}});
    if (!submission.detail.empty()) left_out.back()["detail"] = submission.detail;
  }
  return {{"base_digest", inputs.base_digest},
          {"charter_digest", inputs.charter_digest},
          {"probe_digest", inputs.probe_digest},
          {"experts", experts},
          {"reference_models", references},
          {"left_out", left_out},
          {"seed", inputs.seed},
          {"steps", inputs.steps},
          {"threads", inputs.threads},
          {"mixture", std::string(MixtureName(inputs.mixture))},
          {"chunk_tokens", inputs.chunk_tokens},
          {"program_version", inputs.program_version},
          {"torch_version", inputs.torch_version},
          {"vector_level", inputs.vector_level}};
}

// The first step, every tenth and the last.
json TrajectoryJson(const ReportRouter& router) {
  json points = json::array();
  for (size_t i = 0; i < router.trajectory.size(); ++i) {
    const TrainingStep& step = router.trajectory[i];
    if (i != 0 && step.step % 10 != 0 && i + 1 != router.trajectory.size()) continue;
    points.push_back({{"step", step.step}, {"loss", step.batch_loss}, {"alpha", step.alpha}});
  }
  return points;
}

// A plot is not wider: of a longer text every stride-th row is kept.
constexpr size_t kPermilleRowsMax = 256;

// An expert's weights in thousandths, in one line: an array would be as long as all else together.
std::string Permille(const SplicedExample& example, size_t expert, size_t experts, size_t stride) {
  std::string line;
  for (size_t at = expert; at < example.weights.size(); at += experts * stride) {
    absl::StrAppend(&line, line.empty() ? "" : " ", std::lround(1000 * example.weights[at]));
  }
  return line;
}

json SplicedJson(const FusionOutcome& outcome) {
  if (outcome.spliced_oracle <= 0) return nullptr;
  json spliced = {
      {"fused", outcome.spliced_loss}, {"oracle", outcome.spliced_oracle}, {"example", nullptr}};
  if (!outcome.spliced_example.has_value()) return spliced;
  const SplicedExample& example = *outcome.spliced_example;
  const size_t experts = outcome.experts.size();
  const size_t rows = example.weights.size() / experts;
  const size_t stride = std::max<size_t>(1, (rows + kPermilleRowsMax - 1) / kPermilleRowsMax);
  json weights = json::array();
  for (size_t i = 0; i < experts; ++i) weights.push_back(Permille(example, i, experts, stride));
  spliced["example"] = {{"first", example.first},
                        {"second", example.second},
                        {"change", example.change},
                        {"stride", stride},
                        {"weights_permille", weights}};
  return spliced;
}

json RouterJson(const ReportRouter& router, const FusionOutcome& outcome) {
  json ladder = json::array();
  KALAVAI_CHECK(router.held_out_loss.size() == outcome.ladder.size(), "one loss a rung");
  for (size_t k = 0; k < outcome.ladder.size(); ++k) {
    ladder.push_back({{"rung", std::string(RouterRungName(outcome.ladder[k].rung))},
                      {"held_out_loss", router.held_out_loss[k]},
                      {"equal_weight_loss", outcome.ladder[k].equal_weight_loss}});
  }
  return {{"digest", router.digest},
          {"rung", std::string(RouterRungName(outcome.router.rung))},
          {"alpha", outcome.router.alpha},
          {"eta", outcome.router.eta},
          {"held_out_rung", std::string(RouterRungName(router.kept_rung))},
          {"training_reason", router.training_reason},
          {"ladder", ladder},
          {"trajectory", TrajectoryJson(router)},
          {"fallback_reason", outcome.choice.reason}};
}

// One value of every model and mixture: for domain d, or the equal-weight means.
json LossesJson(const FusionOutcome& outcome, auto value) {
  json specialists = json::array();
  for (size_t i = 1; i < outcome.experts.size(); ++i) {
    specialists.push_back(value(outcome.experts[i]));
  }
  json references = json::array();
  for (const DomainLosses& reference : outcome.references) references.push_back(value(reference));
  const json average =
      outcome.weight_average.has_value() ? json(value(*outcome.weight_average)) : json(nullptr);
  return {{"base", value(outcome.experts[0])}, {"specialists", specialists},
          {"uniform", value(outcome.uniform)}, {"weight_average", average},
          {"oracle", value(outcome.oracle)},   {"token_oracle", value(outcome.token_oracle)},
          {"fused", value(outcome.fused)},     {"reference_models", references}};
}

json DomainsJson(const FusionOutcome& outcome) {
  json domains = json::array();
  for (size_t d = 0; d < outcome.domains.size(); ++d) {
    const GuardFinding& guard = outcome.guard[d];
    domains.push_back(
        {{"domain", outcome.domains[d]},
         {"public", outcome.public_class[d] != 0},
         {"chunks", outcome.chunks[d]},
         {"tokens", outcome.tokens[d]},
         {"losses", LossesJson(outcome, [d](const DomainLosses& l) { return l.by_domain[d]; })},
         {"gate_shares", outcome.share[d]},
         {"guard",
          {{"reference_loss", guard.reference},
           {"excess_percent", guard.excess_percent},
           {"met", guard.met}}}});
  }
  return domains;
}

json PredictedJson(const FusionOutcome& outcome) {
  json predicted = {{"measured_on", "router part of the probe text"},
                    {"confidence", 0.95},
                    {"divergence_percent", Optional(outcome.predicted_divergence_percent)},
                    {"line", nullptr},
                    {"coverage", nullptr},
                    {"oracle", EstimateJson(outcome.oracle_forecast)}};
  if (outcome.line.has_value()) {
    predicted["line"] = EstimateJson(outcome.line->estimate);
    predicted["line"]["data_set"] = "published, n = 6";
    predicted["line"]["outside_fitted_range"] = !outcome.line->in_range;
    predicted["line"]["range_note"] = outcome.line->range_note;
  }
  if (outcome.coverage.has_value()) predicted["coverage"] = EstimateJson(*outcome.coverage);
  return predicted;
}

json RealisedJson(const ReportInputs& inputs, const FusionOutcome& outcome) {
  json divergences = json::array();
  for (const std::optional<double>& percent : outcome.divergence.specialist_percent) {
    divergences.push_back(Optional(percent));
  }
  json stated = json::array();
  for (size_t i = 1; i < inputs.experts.size(); ++i) {
    stated.push_back(Optional(inputs.experts[i].stated_divergence_percent));
  }
  return {{"measured_on", "evaluation part of the probe text"},
          {"stated_divergence_percent", stated},
          {"best_specialist", inputs.experts[static_cast<size_t>(outcome.best_specialist)].label},
          {"gain_percent", outcome.gain_percent},
          {"oracle_gain_percent", outcome.oracle_gain_percent},
          {"oracle_gap_nats", outcome.fused.equal_weight - outcome.oracle.equal_weight},
          {"router_efficiency", Optional(outcome.efficiency)},
          {"mean_divergence_percent", Optional(outcome.divergence.mean_percent)},
          {"divergence_percent", divergences}};
}

json CreditJson(const ReportInputs& inputs, const FusionOutcome& outcome) {
  json members = json::array();
  for (size_t i = 0; i < outcome.credit_nats.shapley.size(); ++i) {
    members.push_back({{"contributor", inputs.experts[i + 1].contributor},
                       {"shapley_nats", outcome.credit_nats.shapley[i]},
                       {"shapley_percent_of_base", outcome.credit_percent.shapley[i]},
                       {"leave_one_out_nats", outcome.credit_nats.leave_one_out[i]}});
  }
  return {{"total_nats", outcome.credit_nats.total},
          {"total_percent_of_base", outcome.credit_percent.total},
          {"members", members}};
}

json PositionsJson(const FusionOutcome& outcome) {
  json positions = json::array();
  for (const PositionBucket& bucket : outcome.positions) {
    positions.push_back({{"begin", bucket.begin},
                         {"end", bucket.end},
                         {"fused", bucket.fused},
                         {"oracle", bucket.oracle}});
  }
  return positions;
}

}  // namespace

std::string ReportInputsJson(const ReportInputs& inputs) { return InputsJson(inputs).dump(); }

absl::StatusOr<std::vector<LeftOut>> LeftOutOf(absl::string_view inputs_json) {
  ASSIGN_OR_RETURN(const json inputs, ReadJson(inputs_json, {.bytes_max = kReportBytesMax}));
  const auto found = inputs.find("left_out");
  if (found == inputs.end() || !found->is_array()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "JSON_INVALID",
                     {.what = "inputs of a fusion: 'left_out' is missing; must be a list"});
  }
  std::vector<LeftOut> left_out;
  for (const json& entry : *found) {
    LeftOut out;
    ASSIGN_OR_RETURN(out.submission, JsonString(entry, "submission"));
    ASSIGN_OR_RETURN(out.contributor, JsonString(entry, "contributor"));
    ASSIGN_OR_RETURN(out.domain, JsonString(entry, "domain"));
    ASSIGN_OR_RETURN(out.state, JsonString(entry, "state"));
    ASSIGN_OR_RETURN(out.reason, JsonString(entry, "reason"));
    if (entry.contains("detail")) {
      ASSIGN_OR_RETURN(out.detail, JsonString(entry, "detail"));
    }
    left_out.push_back(std::move(out));
  }
  return left_out;
}

FusionReport WriteFusionReport(const ReportInputs& inputs, const ReportRouter& router,
                               const FusionOutcome& outcome) {
  const json report = {
      {"format", "kalavai-fusion-report"},
      {"version", 1},
      {"cooperative", inputs.cooperative},
      {"inputs", InputsJson(inputs)},
      {"router", RouterJson(router, outcome)},
      {"domains", DomainsJson(outcome)},
      {"equal_weight", LossesJson(outcome, [](const DomainLosses& l) { return l.equal_weight; })},
      {"predicted", PredictedJson(outcome)},
      {"realised", RealisedJson(inputs, outcome)},
      {"credit", CreditJson(inputs, outcome)},
      {"positions", PositionsJson(outcome)},
      {"spliced", SplicedJson(outcome)},
      {"collapse",
       {{"threshold_nats", outcome.collapse_threshold_nats}, {"collapsed", outcome.collapsed}}},
      {"guard", {{"tolerance_percent", 100 * kGuardTolerance}, {"met", outcome.guard_met}}}};
  FusionReport written;
  written.json = report.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  written.markdown = FusionPage(inputs, router, outcome);
  return written;
}

FusionFigures StoredFigures(const FusionOutcome& outcome, const Digest& router_digest,
                            const FusionReport& report) {
  FusionFigures figures;
  figures.fused_loss = outcome.fused.equal_weight;
  figures.gain_percent = outcome.gain_percent;
  figures.oracle_gain_percent = outcome.oracle_gain_percent;
  figures.oracle_gap_nats = outcome.fused.equal_weight - outcome.oracle.equal_weight;
  figures.divergence_percent = outcome.divergence.mean_percent;
  figures.guard_met = outcome.guard_met;
  figures.router_digest = router_digest;
  figures.report_digest = Sha256Of(report.json);
  figures.report_json = report.json;
  figures.report_markdown = report.markdown;
  return figures;
}

MeasuredLosses StoredLosses(const FusionOutcome& outcome,
                            const std::vector<FusionExpert>& experts) {
  MeasuredLosses losses{
      .domains = outcome.domains, .tokens = outcome.tokens, .experts = experts, .loss = {}};
  for (const DomainLosses& expert : outcome.experts) losses.loss.push_back(expert.by_domain);
  return losses;
}

}  // namespace kalavai::coordinator

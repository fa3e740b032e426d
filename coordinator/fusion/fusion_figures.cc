#include "coordinator/fusion/fusion_figures.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <utility>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/fork_join.h"
#include "common/base/status_macros.h"
#include "common/forecast/interval.h"
#include "common/router/gate_evaluation.h"

namespace kalavai::coordinator {
namespace {

constexpr int64_t kBucketBounds[] = {0, 8, 32, 128};
constexpr int kSplicesPerPair = 4;

double MeanOverCounted(const std::vector<double>& by_domain,
                       const std::vector<uint8_t>& public_class) {
  double sum = 0;
  double count = 0;
  for (size_t d = 0; d < by_domain.size(); ++d) {
    if (public_class[d] != 0) continue;
    sum += by_domain[d];
    count += 1;
  }
  return sum / count;  // ComputeFigures demands a domain that counts
}

DomainLosses LossesOf(std::vector<double> by_domain, const std::vector<uint8_t>& public_class) {
  DomainLosses losses;
  losses.equal_weight = MeanOverCounted(by_domain, public_class);
  losses.by_domain = std::move(by_domain);
  return losses;
}

// The losses of each chunk on the counted domains, as the bootstraps read them.
ChunkLosses CountedChunkLosses(const FiguresInput& input, const ProbeData& part) {
  const std::vector<std::vector<std::vector<double>>> all = ExpertChunkLosses(part);
  ChunkLosses chunks;
  chunks.models = input.expert_labels;
  chunks.loss.resize(all.size());
  for (size_t d = 0; d < part.domains.size(); ++d) {
    if (input.public_class[d] != 0) continue;
    chunks.domains.push_back(part.domains[d]);
    for (size_t m = 0; m < all.size(); ++m) chunks.loss[m].push_back(all[m][d]);
  }
  for (size_t m = 1; m < all.size(); ++m) {
    const auto found =
        std::find(chunks.domains.begin(), chunks.domains.end(), input.expert_domains[m]);
    chunks.own_domain.push_back(found == chunks.domains.end()
                                    ? kNoDomain
                                    : static_cast<int>(found - chunks.domains.begin()));
  }
  return chunks;
}

absl::Status Predict(const FiguresInput& input, FusionOutcome& outcome) {
  const ChunkLosses chunks = CountedChunkLosses(input, *input.router_part);
  ASSIGN_OR_RETURN(const LossMatrix matrix, MeanOverChunks(chunks));
  // The evaluation part is as finite as this one.
  const BootstrapOptions interval = {.later_share =
                                         static_cast<double>(input.router_part->chunks()) /
                                         static_cast<double>(input.evaluation_part->chunks())};
  ASSIGN_OR_RETURN(outcome.oracle_forecast, BootstrapOracle(chunks, interval));
  outcome.oracle_forecast.interval.low -= GateCostPercent(matrix, input.router_part->rows);
  outcome.predicted_divergence_percent = ComputeDivergence(matrix).mean_percent;
  if (outcome.predicted_divergence_percent.has_value()) {
    ASSIGN_OR_RETURN(const Line line, FitLine("published, n = 6", PublishedCalibrationPoints()));
    outcome.line = PredictGain(line, *outcome.predicted_divergence_percent, matrix.specialists());
  }
  std::vector<MemberChunkLosses> members;
  for (size_t i = 0; i < chunks.own_domain.size(); ++i) {
    if (chunks.own_domain[i] == kNoDomain) continue;
    const auto d = static_cast<size_t>(chunks.own_domain[i]);
    members.push_back({.domain = chunks.own_domain[i],
                       .base_loss = chunks.loss[0][d],
                       .specialist_loss = chunks.loss[i + 1][d]});
  }
  if (members.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(outcome.coverage, BootstrapCoverage(members, chunks.loss[0], interval));
  return absl::OkStatus();
}

// log p of a row's token: measured, where logits are mixed, else log Σ_i w_i p_i. `text` counts
// JudgedTexts of all rungs.
double RowLogProb(const FiguresInput& input, size_t text, size_t row,
                  std::span<const float> weights, std::span<const float> log_prob) {
  if (input.mixture == Mixture::kLogit) return input.logit_log_prob[text][row];
  double probability = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    probability += static_cast<double>(weights[i]) * std::exp(static_cast<double>(log_prob[i]));
  }
  return std::log(std::max(probability, 1e-300));
}

// What the rung loses on each domain where logits are mixed; its chunks' texts begin at `text`.
std::vector<double> LogitDomainLosses(const FiguresInput& input, size_t text) {
  const ProbeData& part = *input.evaluation_part;
  std::vector<double> sum(part.domains.size(), 0), count(part.domains.size(), 0);
  for (size_t c = 0; c < part.domain.size(); ++c) {
    const auto d = static_cast<size_t>(part.domain[c]);
    for (const float log_prob : input.logit_log_prob[text + c]) {
      sum[d] -= static_cast<double>(log_prob);
      count[d] += 1;
    }
  }
  for (size_t d = 0; d < sum.size(); ++d) sum[d] /= count[d];
  return sum;
}

// Evaluates every rung; from the one training chose on, keeps the first that has not collapsed.
absl::StatusOr<GateEvaluation> ChooseRouter(const FiguresInput& input, size_t texts,
                                            FusionOutcome& outcome) {
  const ProbeData& part = *input.evaluation_part;
  std::vector<GateEvaluation> evaluations;
  for (const RouterParameters& router : input.ladder) {
    ASSIGN_OR_RETURN(
        GateEvaluation evaluation,
        EvaluateRouter(router, part,
                       {.allowed = {}, .keep_token_weights = true, .threads = input.threads}));
    if (input.mixture == Mixture::kLogit) {
      evaluation.domain_loss = LogitDomainLosses(input, evaluations.size() * texts);
    }
    outcome.ladder.push_back(
        {.rung = router.rung,
         .equal_weight_loss = MeanOverCounted(evaluation.domain_loss, input.public_class)});
    evaluations.push_back(std::move(evaluation));
  }
  outcome.collapse_threshold_nats =
      CollapseThreshold(outcome.oracle.equal_weight, part.experts, part.rows);
  outcome.choice = ChooseRung(outcome.ladder, input.kept_rung, outcome.oracle.equal_weight,
                              outcome.collapse_threshold_nats);
  const auto chosen = static_cast<size_t>(outcome.choice.index);
  outcome.router = input.ladder[chosen];
  outcome.router.mixture = input.mixture;
  return std::move(evaluations[chosen]);
}

void AddGuard(FusionOutcome& outcome) {
  outcome.guard_met = true;
  const auto best = static_cast<size_t>(outcome.best_specialist);
  for (size_t d = 0; d < outcome.domains.size(); ++d) {
    const double reference =
        std::min(outcome.experts[0].by_domain[d], outcome.experts[best].by_domain[d]);
    const double excess = outcome.fused.by_domain[d] / reference - 1;
    outcome.guard.push_back(
        {.reference = reference, .excess_percent = 100 * excess, .met = excess <= kGuardTolerance});
    outcome.guard_met = outcome.guard_met && outcome.guard.back().met;
  }
}

// Mean loss of the fused model and of each domain's oracle over rows [begin, end), counted domains
// with equal weight.
PositionBucket BucketOf(const FiguresInput& input, size_t texts, const FusionOutcome& outcome,
                        const GateEvaluation& fused, const std::vector<int>& oracle_model,
                        int64_t begin, int64_t end) {
  const ProbeData& part = *input.evaluation_part;
  const size_t first = static_cast<size_t>(outcome.choice.index) * texts;
  const auto experts = static_cast<size_t>(part.experts);
  std::vector<double> fused_sum(part.domains.size(), 0);
  std::vector<double> oracle_sum(part.domains.size(), 0);
  std::vector<double> count(part.domains.size(), 0);
  for (int64_t c = 0; c < part.chunks(); ++c) {
    const auto d = static_cast<size_t>(part.domain[static_cast<size_t>(c)]);
    const std::span<const float> log_prob = part.ChunkLogProb(c);
    for (int64_t t = begin; t < end; ++t) {
      const size_t row = static_cast<size_t>(t) * experts;
      const size_t token = static_cast<size_t>(c * part.rows) * experts + row;
      fused_sum[d] -= RowLogProb(input, first + static_cast<size_t>(c), static_cast<size_t>(t),
                                 std::span(fused.token_weights).subspan(token, experts),
                                 log_prob.subspan(row, experts));
      oracle_sum[d] -= static_cast<double>(log_prob[row + static_cast<size_t>(oracle_model[d])]);
      count[d] += 1;
    }
  }
  for (size_t d = 0; d < count.size(); ++d) {
    fused_sum[d] /= count[d];
    oracle_sum[d] /= count[d];
  }
  return {.begin = begin,
          .end = end,
          .fused = MeanOverCounted(fused_sum, outcome.public_class),
          .oracle = MeanOverCounted(oracle_sum, outcome.public_class)};
}

std::vector<int> OracleModels(const FusionOutcome& outcome) {
  std::vector<int> models;  // [D]
  for (size_t d = 0; d < outcome.domains.size(); ++d) {
    int best = 0;
    for (size_t i = 1; i < outcome.experts.size(); ++i) {
      const double best_loss = outcome.experts[static_cast<size_t>(best)].by_domain[d];
      if (outcome.experts[i].by_domain[d] < best_loss) best = static_cast<int>(i);
    }
    models.push_back(best);
  }
  return models;
}

void AddPositions(const FiguresInput& input, size_t texts, const GateEvaluation& fused,
                  FusionOutcome& outcome) {
  const std::vector<int> oracle_model = OracleModels(outcome);
  const int64_t rows = input.evaluation_part->rows;
  for (size_t b = 0; b < std::size(kBucketBounds) && kBucketBounds[b] < rows; ++b) {
    const int64_t end =
        b + 1 < std::size(kBucketBounds) ? std::min(kBucketBounds[b + 1], rows) : rows;
    outcome.positions.push_back(
        BucketOf(input, texts, outcome, fused, oracle_model, kBucketBounds[b], end));
  }
}

// A text that changes its subject, by the chosen router and by the segment oracle.
struct SplicedRun {
  absl::Status status = absl::OkStatus();
  std::vector<float> weights = {};    // [T][n]
  std::vector<double> log_prob = {};  // [T] of the mixture
  std::vector<double> oracle = {};    // [T] likewise
};

// `index`: of the text, among JudgedTexts of all rungs.
SplicedRun RunSpliced(const FiguresInput& input, const RouterParameters& router,
                      const std::vector<int>& oracle_model, TextSource text, size_t index) {
  const ProbeData& part = *input.evaluation_part;
  SplicedRun run;
  absl::StatusOr<std::vector<float>> weights = GateWeights(router, part, text);
  if (!weights.ok()) return {.status = weights.status()};
  run.weights = *std::move(weights);
  const auto experts = static_cast<size_t>(part.experts);
  const auto rows = static_cast<size_t>(part.rows);
  for (size_t t = 0; t < rows; ++t) {
    const int64_t chunk = t < rows / 2 ? text.first : text.second;
    const auto domain = static_cast<size_t>(part.domain[static_cast<size_t>(chunk)]);
    const std::span<const float> row = part.ChunkLogProb(chunk).subspan(t * experts, experts);
    run.log_prob.push_back(
        RowLogProb(input, index, t, std::span(run.weights).subspan(t * experts, experts), row));
    run.oracle.push_back(static_cast<double>(row[static_cast<size_t>(oracle_model[domain])]));
  }
  return run;
}

// Texts that change their subject: what the gate loses on them, and one to look at.
absl::Status AddSpliced(const FiguresInput& input, std::span<const TextSource> texts,
                        FusionOutcome& outcome) {
  const ProbeData& part = *input.evaluation_part;
  const size_t chunks = part.domain.size();
  if (texts.size() == chunks) return absl::OkStatus();
  const std::vector<int> oracle_model = OracleModels(outcome);
  const size_t first = static_cast<size_t>(outcome.choice.index) * texts.size() + chunks;
  const auto domain_of = [&part](int64_t chunk) {
    return static_cast<size_t>(part.domain[static_cast<size_t>(chunk)]);
  };
  const std::span<const TextSource> spliced = texts.subspan(chunks);
  // The first whose halves have different experts.
  const auto example = std::find_if(spliced.begin(), spliced.end(), [&](const TextSource& text) {
    return oracle_model[domain_of(text.first)] != oracle_model[domain_of(text.second)];
  });
  std::vector<SplicedRun> runs(spliced.size());
  ForkJoin workers(input.threads);
  workers.Run(spliced.size(), [&](size_t k, size_t) {
    runs[k] = RunSpliced(input, outcome.router, oracle_model, spliced[k], first + k);
    if (spliced.begin() + static_cast<std::ptrdiff_t>(k) != example) runs[k].weights = {};
  });
  for (const SplicedRun& run : runs) {
    RETURN_IF_ERROR(run.status);
    for (size_t t = 0; t < run.oracle.size(); ++t) {
      outcome.spliced_loss -= run.log_prob[t];
      outcome.spliced_oracle -= run.oracle[t];
    }
  }
  if (example != spliced.end()) {
    outcome.spliced_example = SplicedExample{
        .first = part.domains[domain_of(example->first)],
        .second = part.domains[domain_of(example->second)],
        .change = part.rows / 2,
        .weights = std::move(runs[static_cast<size_t>(example - spliced.begin())].weights)};
  }
  const double tokens = static_cast<double>(spliced.size()) * part.rows;
  outcome.spliced_loss /= tokens;
  outcome.spliced_oracle /= tokens;
  return absl::OkStatus();
}

void AddBaselines(const FiguresInput& input, FusionOutcome& outcome) {
  const ProbeData& part = *input.evaluation_part;
  outcome.domains = part.domains;
  outcome.public_class = input.public_class;
  const std::vector<std::vector<int64_t>> chunks = ChunksByDomain(part);
  for (const std::vector<int64_t>& of_domain : chunks) {
    outcome.chunks.push_back(static_cast<int64_t>(of_domain.size()));
    outcome.tokens.push_back(outcome.chunks.back() * part.rows);
  }
  for (int i = 0; i < part.experts; ++i) {
    outcome.experts.push_back(LossesOf(EvaluateExpert(part, i).domain_loss, input.public_class));
  }
  outcome.uniform = LossesOf(EvaluateUniform(part).domain_loss, input.public_class);
  outcome.oracle = LossesOf(EvaluateDomainOracle(part).domain_loss, input.public_class);
  outcome.token_oracle = LossesOf(EvaluateTokenOracle(part).domain_loss, input.public_class);
  if (!input.weight_average_loss.empty()) {
    outcome.weight_average = LossesOf(input.weight_average_loss, input.public_class);
  }
  for (const std::vector<double>& loss : input.reference_loss) {
    outcome.references.push_back(LossesOf(loss, input.public_class));
  }
}

}  // namespace

std::vector<TextSource> JudgedTexts(const FiguresInput& input) {
  std::vector<TextSource> texts;
  for (int64_t c = 0; c < input.evaluation_part->chunks(); ++c) texts.push_back({c, c});
  std::vector<std::vector<int64_t>> counted;
  const std::vector<std::vector<int64_t>> chunks = ChunksByDomain(*input.evaluation_part);
  for (size_t d = 0; d < chunks.size(); ++d) {
    if (input.public_class[d] == 0) counted.push_back(chunks[d]);
  }
  for (const TextSource& text :
       SpliceAll(counted, SplicesPerPair(counted.size(), kSplicesPerPair))) {
    texts.push_back(text);
  }
  return texts;
}

absl::StatusOr<std::vector<WeighedText>> WeighJudgedTexts(const FiguresInput& input) {
  const std::vector<TextSource> texts = JudgedTexts(input);
  std::vector<WeighedText> weighed(input.ladder.size() * texts.size());
  std::vector<absl::Status> status(weighed.size());
  ForkJoin workers(input.threads);
  workers.Run(weighed.size(), [&](size_t k, size_t) {
    weighed[k].source = texts[k % texts.size()];
    absl::StatusOr<std::vector<float>> weights =
        GateWeights(input.ladder[k / texts.size()], *input.evaluation_part, weighed[k].source);
    status[k] = weights.status();
    if (weights.ok()) weighed[k].weights = *std::move(weights);
  });
  for (const absl::Status& one : status) RETURN_IF_ERROR(one);
  return weighed;
}

absl::StatusOr<FusionOutcome> ComputeFigures(const FiguresInput& input) {
  RETURN_IF_ERROR(ValidateProbeData(*input.router_part));
  RETURN_IF_ERROR(ValidateProbeData(*input.evaluation_part));
  if (std::find(input.public_class.begin(), input.public_class.end(), 0) ==
      input.public_class.end()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "PROBE_TEXT_MISSING",
                     {.what = "probe text: every domain is a public class; one must count",
                      .why = "figures are means over the domains of members",
                      .fix = "a member shares a sample, 'kalavai share-sample'"});
  }
  FusionOutcome outcome;
  AddBaselines(input, outcome);
  ASSIGN_OR_RETURN(outcome.matrix,
                   MeanOverChunks(CountedChunkLosses(input, *input.evaluation_part)));
  const std::vector<TextSource> texts = JudgedTexts(input);
  KALAVAI_CHECK(input.mixture == Mixture::kProbability ||
                    input.logit_log_prob.size() == input.ladder.size() * texts.size(),
                "a mixture of logits is measured on every text with every rung");
  ASSIGN_OR_RETURN(const GateEvaluation fused, ChooseRouter(input, texts.size(), outcome));
  outcome.fused = LossesOf(fused.domain_loss, input.public_class);
  outcome.share = fused.share;

  const BestSpecialist best = FindBestSpecialist(outcome.matrix);
  outcome.best_specialist = best.model;
  outcome.divergence = ComputeDivergence(outcome.matrix);
  outcome.gain_percent = GainPercent(best.equal_weight_loss, outcome.fused.equal_weight);
  outcome.oracle_gain_percent = OracleGainPercent(outcome.matrix);
  outcome.efficiency = RouterEfficiency(outcome.gain_percent, outcome.oracle_gain_percent);
  const ProbeData& part = *input.evaluation_part;
  outcome.collapsed =
      IsCollapsed(outcome.fused.equal_weight, outcome.oracle.equal_weight, part.experts, part.rows);
  AddGuard(outcome);
  AddPositions(input, texts.size(), fused, outcome);
  RETURN_IF_ERROR(AddSpliced(input, texts, outcome));
  outcome.credit_nats = ComputeCredit(outcome.matrix, CreditUnit::kNats);
  outcome.credit_percent = ComputeCredit(outcome.matrix, CreditUnit::kPercentOfBase);
  RETURN_IF_ERROR(Predict(input, outcome));
  return outcome;
}

}  // namespace kalavai::coordinator

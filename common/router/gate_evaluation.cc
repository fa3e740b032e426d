#include "common/router/gate_evaluation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/base/fork_join.h"
#include "common/base/status_macros.h"
#include "common/router/gate_features.h"
#include "common/router/switching_gate.h"

namespace kalavai {
namespace {

// Evidence below this is as good as impossible, and unlike -infinity it can be forgotten.
constexpr double kEvidenceFloor = -700;
constexpr size_t kChunksPerThread = 8;  // between two fork-joins

GateEvaluation Empty(const ProbeData& data) {
  GateEvaluation result;
  result.chunk_loss.assign(data.domain.size(), 0);
  return result;
}

// Fills the means over domains from the chunk losses.
void Summarise(const ProbeData& data, GateEvaluation& result) {
  std::vector<double> count(data.domains.size(), 0);
  result.domain_loss.assign(data.domains.size(), 0);
  for (size_t c = 0; c < data.domain.size(); ++c) {
    const size_t d = static_cast<size_t>(data.domain[c]);
    result.domain_loss[d] += result.chunk_loss[c];
    count[d] += 1;
  }
  result.equal_weight_loss = 0;
  for (size_t d = 0; d < count.size(); ++d) {
    result.domain_loss[d] /= count[d];
    result.equal_weight_loss += result.domain_loss[d] / static_cast<double>(count.size());
  }
}

// Weight sums [domains][n] -> mean weights.
void SummariseShares(const ProbeData& data, GateEvaluation& result) {
  for (std::vector<double>& row : result.share) {
    double total = 0;
    for (const double value : row) total += value;
    for (double& value : row) value /= total;
  }
  Summarise(data, result);
}

double ExpertChunkLoss(const ProbeData& data, int64_t chunk, size_t expert) {
  const std::span<const float> log_prob = data.ChunkLogProb(chunk);
  const size_t experts = static_cast<size_t>(data.experts);
  double sum = 0;
  for (size_t t = 0; t < static_cast<size_t>(data.rows); ++t) {
    sum -= static_cast<double>(log_prob[t * experts + expert]);
  }
  return sum / data.rows;
}

// log Σ exp(score_i + log p_i) - log Σ exp(score_i), and the weights of the scores.
double MixByScores(std::span<const double> scores, std::span<const float> log_p,
                   std::span<double> weights) {
  const double high = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    weights[i] = std::exp(scores[i] - high);
    total += weights[i];
  }
  double best = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < scores.size(); ++i) {
    weights[i] /= total;
    if (weights[i] > 0) best = std::max(best, static_cast<double>(log_p[i]));
  }
  if (!std::isfinite(best)) return best;
  double sum = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (weights[i] > 0) sum += weights[i] * std::exp(static_cast<double>(log_p[i]) - best);
  }
  return best + std::log(sum);
}

// The states of a chunk as the router's features take them [T][K]; empty for a uniform router.
std::vector<float> Project(const RouterParameters& parameters, std::span<const float> hidden) {
  if (parameters.rung == RouterRung::kUniform) return {};
  const size_t states = hidden.size() / static_cast<size_t>(parameters.transform.width);
  std::vector<float> projected(states * static_cast<size_t>(parameters.transform.features));
  ProjectStates(parameters.transform, hidden, projected);
  return projected;
}

// What the gate did on one chunk.
struct ChunkRun {
  double loss = 0;                   // nats
  std::vector<double> weights = {};  // [T][n]
};

absl::StatusOr<ChunkRun> RunChunk(const RouterParameters& parameters, const ProbeData& data,
                                  const std::vector<uint8_t>& allowed, int64_t chunk) {
  const size_t experts = static_cast<size_t>(data.experts);
  const size_t rows = static_cast<size_t>(data.rows);
  RouterSession session(parameters);
  if (!allowed.empty()) session.SetAllowed(allowed);
  const std::vector<float> projected = Project(parameters, data.ChunkHidden(chunk));
  const size_t features = projected.size() / rows;
  ChunkRun run;
  run.weights.reserve(rows * experts);
  for (size_t t = 0; t < rows; ++t) {
    const std::span<const double> weights = session.Weights();
    run.weights.insert(run.weights.end(), weights.begin(), weights.end());
    ASSIGN_OR_RETURN(const double mixed,
                     session.ReadProjected(data.ChunkLogProb(chunk).subspan(t * experts, experts),
                                           std::span(projected).subspan(t * features, features)));
    run.loss -= mixed;
  }
  return run;
}

absl::Status CheckFits(const RouterParameters& parameters, const ProbeData& data) {
  RETURN_IF_ERROR(ValidateRouter(parameters));
  const bool width_fits =
      parameters.rung == RouterRung::kUniform || parameters.transform.width == data.width;
  if (parameters.experts == data.experts && width_fits) return absl::OkStatus();
  return MakeError(absl::StatusCode::kInvalidArgument, "ROUTER_INVALID",
                   {.what = absl::StrFormat(
                        "router of %d experts and width %d; must be %d and %d as the text's",
                        parameters.experts, parameters.transform.width, data.experts, data.width)});
}

}  // namespace

absl::StatusOr<GateEvaluation> EvaluateRouter(const RouterParameters& parameters,
                                              const ProbeData& data,
                                              const GateEvaluationOptions& options) {
  RETURN_IF_ERROR(CheckFits(parameters, data));
  const size_t experts = static_cast<size_t>(data.experts);
  GateEvaluation result = Empty(data);
  result.share.assign(data.domains.size(), std::vector<double>(experts, 0));
  ForkJoin workers(options.threads);
  // Sums are taken chunk by chunk, in order; the weights of a few chunks wait for that.
  std::vector<absl::StatusOr<ChunkRun>> runs(kChunksPerThread * workers.threads());
  for (size_t first = 0; first < data.domain.size(); first += runs.size()) {
    const size_t count = std::min(runs.size(), data.domain.size() - first);
    workers.Run(count, [&](size_t index, size_t) {
      runs[index] =
          RunChunk(parameters, data, options.allowed, static_cast<int64_t>(first + index));
    });
    for (size_t index = 0; index < count; ++index) {
      RETURN_IF_ERROR(runs[index].status());
      const ChunkRun& run = *runs[index];
      std::vector<double>& share = result.share[static_cast<size_t>(data.domain[first + index])];
      for (size_t at = 0; at < run.weights.size(); ++at) share[at % experts] += run.weights[at];
      if (options.keep_token_weights) {
        for (const double weight : run.weights) {
          result.token_weights.push_back(static_cast<float>(weight));
        }
      }
      result.chunk_loss[first + index] = run.loss / data.rows;
    }
  }
  SummariseShares(data, result);
  return result;
}

GateEvaluation EvaluateExpert(const ProbeData& data, int expert) {
  GateEvaluation result = Empty(data);
  for (int64_t c = 0; c < data.chunks(); ++c) {
    result.chunk_loss[static_cast<size_t>(c)] =
        ExpertChunkLoss(data, c, static_cast<size_t>(expert));
  }
  result.share.assign(data.domains.size(),
                      std::vector<double>(static_cast<size_t>(data.experts), 0));
  for (std::vector<double>& row : result.share) row[static_cast<size_t>(expert)] = 1;
  Summarise(data, result);
  return result;
}

GateEvaluation EvaluateUniform(const ProbeData& data) { return EvaluateDecayedEvidence(data, 0); }

GateEvaluation EvaluateDomainOracle(const ProbeData& data) {
  GateEvaluation best = EvaluateExpert(data, 0);
  for (int i = 1; i < data.experts; ++i) {
    const GateEvaluation other = EvaluateExpert(data, i);
    for (size_t c = 0; c < data.domain.size(); ++c) {
      const size_t d = static_cast<size_t>(data.domain[c]);
      if (other.domain_loss[d] < best.domain_loss[d]) best.chunk_loss[c] = other.chunk_loss[c];
    }
    Summarise(data, best);
  }
  best.share.clear();
  return best;
}

GateEvaluation EvaluateTokenOracle(const ProbeData& data) {
  GateEvaluation result = Empty(data);
  const size_t experts = static_cast<size_t>(data.experts);
  for (int64_t c = 0; c < data.chunks(); ++c) {
    const std::span<const float> log_prob = data.ChunkLogProb(c);
    double loss = 0;
    for (size_t t = 0; t < static_cast<size_t>(data.rows); ++t) {
      const std::span<const float> row = log_prob.subspan(t * experts, experts);
      loss -= static_cast<double>(*std::max_element(row.begin(), row.end()));
    }
    result.chunk_loss[static_cast<size_t>(c)] = loss / data.rows;
  }
  Summarise(data, result);
  return result;
}

GateEvaluation EvaluateDecayedEvidence(const ProbeData& data, double decay) {
  const size_t experts = static_cast<size_t>(data.experts);
  GateEvaluation result = Empty(data);
  result.share.assign(data.domains.size(), std::vector<double>(experts, 0));
  std::vector<double> weights(experts);
  for (int64_t c = 0; c < data.chunks(); ++c) {
    std::vector<double>& share =
        result.share[static_cast<size_t>(data.domain[static_cast<size_t>(c)])];
    std::vector<double> scores(experts, 0);
    double loss = 0;
    for (size_t t = 0; t < static_cast<size_t>(data.rows); ++t) {
      const std::span<const float> row = data.ChunkLogProb(c).subspan(t * experts, experts);
      loss -= MixByScores(scores, row, weights);
      for (size_t i = 0; i < experts; ++i) {
        share[i] += weights[i];
        scores[i] = decay * (scores[i] + std::max(kEvidenceFloor, static_cast<double>(row[i])));
      }
    }
    result.chunk_loss[static_cast<size_t>(c)] = loss / data.rows;
  }
  SummariseShares(data, result);
  return result;
}

absl::StatusOr<std::vector<float>> GateWeights(const RouterParameters& parameters,
                                               const ProbeData& data, TextSource text) {
  RETURN_IF_ERROR(CheckFits(parameters, data));
  const size_t experts = static_cast<size_t>(data.experts);
  const size_t width = static_cast<size_t>(data.width);
  const size_t rows = static_cast<size_t>(data.rows);
  const size_t cut = rows / 2;
  const std::vector<float> begin =
      Project(parameters, data.ChunkHidden(text.first).first(cut * width));
  const std::vector<float> end =
      Project(parameters, data.ChunkHidden(text.second).subspan(cut * width));
  const size_t features = end.size() / (rows - cut);
  std::vector<float> weights;
  weights.reserve(rows * experts);
  RouterSession session(parameters);
  for (size_t t = 0; t < rows; ++t) {
    for (const double weight : session.Weights()) weights.push_back(static_cast<float>(weight));
    const std::span<const float> projected =
        t < cut ? std::span(begin).subspan(t * features, features)
                : std::span(end).subspan((t - cut) * features, features);
    const int64_t chunk = t < cut ? text.first : text.second;
    RETURN_IF_ERROR(
        session.ReadProjected(data.ChunkLogProb(chunk).subspan(t * experts, experts), projected)
            .status());
  }
  return weights;
}

std::vector<std::vector<std::vector<double>>> ExpertChunkLosses(const ProbeData& data) {
  const std::vector<std::vector<int64_t>> chunks = ChunksByDomain(data);
  std::vector<std::vector<std::vector<double>>> losses(static_cast<size_t>(data.experts));
  for (size_t i = 0; i < losses.size(); ++i) {
    for (const std::vector<int64_t>& domain : chunks) {
      std::vector<double>& row = losses[i].emplace_back();
      for (const int64_t c : domain) row.push_back(ExpertChunkLoss(data, c, i));
    }
  }
  return losses;
}

}  // namespace kalavai

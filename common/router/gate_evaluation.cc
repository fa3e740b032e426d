#include "common/router/gate_evaluation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/router/switching_gate.h"

namespace kalavai {
namespace {

// Evidence below this is as good as impossible, and unlike -infinity it can be forgotten.
constexpr double kEvidenceFloor = -700;

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
  const size_t width = static_cast<size_t>(data.width);
  GateEvaluation result = Empty(data);
  result.share.assign(data.domains.size(), std::vector<double>(experts, 0));
  for (int64_t c = 0; c < data.chunks(); ++c) {
    RouterSession session(parameters);
    if (!options.allowed.empty()) session.SetAllowed(options.allowed);
    std::vector<double>& share =
        result.share[static_cast<size_t>(data.domain[static_cast<size_t>(c)])];
    double loss = 0;
    for (size_t t = 0; t < static_cast<size_t>(data.rows); ++t) {
      for (size_t i = 0; i < experts; ++i) {
        const double weight = session.Weights()[i];
        share[i] += weight;
        if (options.keep_token_weights) result.token_weights.push_back(static_cast<float>(weight));
      }
      ASSIGN_OR_RETURN(const double mixed,
                       session.Read(data.ChunkLogProb(c).subspan(t * experts, experts),
                                    data.ChunkHidden(c).subspan(t * width, width)));
      loss -= mixed;
    }
    result.chunk_loss[static_cast<size_t>(c)] = loss / data.rows;
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
  std::vector<float> weights;
  RouterSession session(parameters);
  for (size_t t = 0; t < rows; ++t) {
    for (const double weight : session.Weights()) weights.push_back(static_cast<float>(weight));
    const int64_t chunk = t < rows / 2 ? text.first : text.second;
    RETURN_IF_ERROR(session
                        .Read(data.ChunkLogProb(chunk).subspan(t * experts, experts),
                              data.ChunkHidden(chunk).subspan(t * width, width))
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

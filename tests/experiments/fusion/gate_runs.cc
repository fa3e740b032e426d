#include "tests/experiments/fusion/gate_runs.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "common/base/status_macros.h"
#include "common/router/switching_gate.h"

namespace kalavai::experiment {

absl::StatusOr<GateRun> RunRouter(const std::string& name, const RouterParameters& router,
                                  const ProbeData& texts) {
  RETURN_IF_ERROR(ValidateRouter(router));
  const auto experts = static_cast<size_t>(texts.experts);
  const auto width = static_cast<size_t>(texts.width);
  GateRun run{.name = name};
  for (int64_t c = 0; c < texts.chunks(); ++c) {
    RouterSession session(router);
    for (size_t t = 0; t < static_cast<size_t>(texts.rows); ++t) {
      for (const double weight : session.Weights()) {
        run.weights.push_back(static_cast<float>(weight));
      }
      ASSIGN_OR_RETURN(const double mixed,
                       session.Read(texts.ChunkLogProb(c).subspan(t * experts, experts),
                                    texts.ChunkHidden(c).subspan(t * width, width)));
      run.loss.push_back(static_cast<float>(-mixed));
    }
  }
  return run;
}

GateRun RunDecayedEvidence(const std::string& name, double decay, const ProbeData& texts) {
  const auto experts = static_cast<size_t>(texts.experts);
  GateRun run{.name = name};
  std::vector<double> weights(experts);
  for (int64_t c = 0; c < texts.chunks(); ++c) {
    std::vector<double> scores(experts, 0);
    for (size_t t = 0; t < static_cast<size_t>(texts.rows); ++t) {
      const std::span<const float> row = texts.ChunkLogProb(c).subspan(t * experts, experts);
      const double high = *std::max_element(scores.begin(), scores.end());
      double total = 0;
      for (size_t i = 0; i < experts; ++i) total += weights[i] = std::exp(scores[i] - high);
      double probability = 0;
      for (size_t i = 0; i < experts; ++i) {
        weights[i] /= total;
        run.weights.push_back(static_cast<float>(weights[i]));
        probability += weights[i] * std::exp(static_cast<double>(row[i]));
        scores[i] = decay * (scores[i] + static_cast<double>(row[i]));
      }
      run.loss.push_back(static_cast<float>(-std::log(std::max(probability, 1e-300))));
    }
  }
  return run;
}

GateRun RunExperts(const std::string& name, std::span<const int> first, std::span<const int> second,
                   int switch_row, const ProbeData& texts) {
  const auto experts = static_cast<size_t>(texts.experts);
  GateRun run{.name = name};
  for (int64_t c = 0; c < texts.chunks(); ++c) {
    const auto text = static_cast<size_t>(c);
    for (int t = 0; t < texts.rows; ++t) {
      const int expert = t < switch_row ? first[text] : second[text];
      const size_t at = static_cast<size_t>(t) * experts + static_cast<size_t>(expert);
      run.loss.push_back(-texts.ChunkLogProb(c)[at]);
    }
  }
  return run;
}

GateRun RunTokenOracle(const ProbeData& texts) {
  const auto experts = static_cast<std::ptrdiff_t>(texts.experts);
  GateRun run{.name = "per-token oracle"};
  for (auto row = texts.log_prob.begin(); row != texts.log_prob.end(); row += experts) {
    run.loss.push_back(-*std::max_element(row, row + experts));
  }
  return run;
}

}  // namespace kalavai::experiment

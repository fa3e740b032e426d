// A gate, or a baseline, over probe data: losses, shares, weights (design §3.5, §3.7).
//
//   ASSIGN_OR_RETURN(const GateEvaluation fused, EvaluateRouter(parameters, evaluation_part));
//   const GateEvaluation uniform = EvaluateUniform(evaluation_part);
//
// All functions require valid data (ValidateProbeData). Losses are nats/token, mean over the rows
// of each chunk. Results own their data. Deterministic, with the same bits for every number of
// threads. Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_ROUTER_GATE_EVALUATION_H_
#define KALAVAI_COMMON_ROUTER_GATE_EVALUATION_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "common/router/probe_data.h"
#include "common/router/router_parameters.h"
#include "common/router/router_texts.h"

namespace kalavai {

struct GateEvaluation {
  std::vector<double> chunk_loss = {};   // [chunks]
  std::vector<double> domain_loss = {};  // [domains]: mean over the domain's chunks
  double equal_weight_loss = 0;          // mean over domains
  // [domains][n]: mean weight an expert had while the text was predicted. Empty for oracles.
  std::vector<std::vector<double>> share = {};
  std::vector<float> token_weights = {};  // [chunks][T][n], only on request
};

struct GateEvaluationOptions {
  std::vector<uint8_t> allowed = {};  // [n]; empty: all
  bool keep_token_weights = false;
  int threads = 1;  // the result is the same for any number
};

// The router as it serves, streaming through every chunk. InvalidArgument ROUTER_INVALID: the
// router's experts or width are not the data's.
absl::StatusOr<GateEvaluation> EvaluateRouter(const RouterParameters& parameters,
                                              const ProbeData& data,
                                              const GateEvaluationOptions& options = {});

// Mean chunk losses of one expert: a row of the loss matrix.
GateEvaluation EvaluateExpert(const ProbeData& data, int expert);
// Σ_i p_i / n.
GateEvaluation EvaluateUniform(const ProbeData& data);
// Every domain by the expert that is best on it; what the gate is measured against.
GateEvaluation EvaluateDomainOracle(const ProbeData& data);
// Every token by the expert that is best on it: what no gate can reach (mostly luck of the draw).
GateEvaluation EvaluateTokenOracle(const ProbeData& data);
// Weights proportional to exp Σ_s decay^(t-s) log p_i(y_s); 0 < decay <= 1, and 1 is the switching
// gate at α = 0.
GateEvaluation EvaluateDecayedEvidence(const ProbeData& data, double decay);

// The weights [T][n] that experts have while a text is predicted: the rows of chunk `text.first` up
// to the middle, then those of `text.second`. Errors as EvaluateRouter.
absl::StatusOr<std::vector<float>> GateWeights(const RouterParameters& parameters,
                                               const ProbeData& data, TextSource text);

// [n][domains] and [n][domains][chunk] mean losses of the experts, the rows of LossMatrix and
// ChunkLosses (common/forecast).
std::vector<std::vector<std::vector<double>>> ExpertChunkLosses(const ProbeData& data);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_GATE_EVALUATION_H_

// What a gate, or a baseline, made of every token of some texts: its loss and the weights it had.
// Everything a table says follows from these two.
#ifndef KALAVAI_TESTS_EXPERIMENTS_FUSION_GATE_RUNS_H_
#define KALAVAI_TESTS_EXPERIMENTS_FUSION_GATE_RUNS_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/router/probe_data.h"
#include "common/router/router_parameters.h"

namespace kalavai::experiment {

struct GateRun {
  std::string name = {};
  std::vector<float> loss = {};     // [texts][T], nats
  std::vector<float> weights = {};  // [texts][T][n] while the token was predicted; or empty
};

// The router as it serves. The rung kUniform with alpha 0 is plain Bayes.
absl::StatusOr<GateRun> RunRouter(const std::string& name, const RouterParameters& router,
                                  const ProbeData& texts);
// Weights proportional to exp Σ_s decay^(t-s) log p_i(y_s); 0: the uniform mixture.
GateRun RunDecayedEvidence(const std::string& name, double decay, const ProbeData& texts);
// One expert a text from row 0 and another from row `switch_row`; [texts] each.
GateRun RunExperts(const std::string& name, std::span<const int> first, std::span<const int> second,
                   int switch_row, const ProbeData& texts);
// The best expert of every token.
GateRun RunTokenOracle(const ProbeData& texts);

}  // namespace kalavai::experiment

#endif  // KALAVAI_TESTS_EXPERIMENTS_FUSION_GATE_RUNS_H_

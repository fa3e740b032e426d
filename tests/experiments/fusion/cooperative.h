// A cooperative of some members of a plan: predicted, fused and compared with every baseline, from
// the measurements alone.
#ifndef KALAVAI_TESTS_EXPERIMENTS_FUSION_COOPERATIVE_H_
#define KALAVAI_TESTS_EXPERIMENTS_FUSION_COOPERATIVE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

#include "tests/experiments/fusion/model_measurements.h"

namespace kalavai::experiment {

struct CooperativeOptions {
  uint64_t seed = 1;
  int steps = 500;
  int per_pair = 16;  // texts spliced in the cache, of each ordered pair of domains
  // For the baselines of whole_vocabulary.h, texts of each domain to train on and to evaluate on;
  // 0: without them.
  int64_t lookahead_chunks = 0;
  int64_t whole_chunks = 0;
  std::string report = {};  // directory for the product's report and its plots; "": none
};

// What the product says of the cooperative: predictions from the router part, with intervals, and
// what was realised on the evaluation part. Keys: `members`, `domains`, `specialists`,
// `divergence_percent` (predicted from the router part), `divergence_realised_percent`, `line`,
// `coverage`, `oracle` ({gain_percent, low, high}), `realised_gain_percent`,
// `oracle_realised_percent`, `losses` (the loss matrix of the evaluation part), `rung`, `alpha`,
// `router_digest`, `predicted_losses` (of the router part).
absl::StatusOr<nlohmann::json> PredictAndFuse(const ModelMeasurements& measurements,
                                              const std::vector<std::string>& names,
                                              const CooperativeOptions& options);

// The same, and under `pure`, `spliced` (in the cache) and `really_spliced` every gate and baseline
// (gate_summary.h); under `whole` those of whole_vocabulary.h with the fused gate on the same
// texts; under `seconds` what the steps took (all else is repeatable).
absl::StatusOr<nlohmann::json> CompareGates(ModelMeasurements& measurements,
                                            const std::vector<std::string>& names,
                                            const CooperativeOptions& options);

}  // namespace kalavai::experiment

#endif  // KALAVAI_TESTS_EXPERIMENTS_FUSION_COOPERATIVE_H_

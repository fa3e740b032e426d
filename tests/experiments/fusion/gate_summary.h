// Figures of a gate's run: losses, gaps to the oracle, where in the text they arise, and how fast
// it follows a change of subject.
#ifndef KALAVAI_TESTS_EXPERIMENTS_FUSION_GATE_SUMMARY_H_
#define KALAVAI_TESTS_EXPERIMENTS_FUSION_GATE_SUMMARY_H_

#include <vector>

#include "nlohmann/json.hpp"

#include "common/router/probe_data.h"
#include "tests/experiments/fusion/gate_runs.h"

namespace kalavai::experiment {

// Domains below `counted` are averaged with equal weight. Keys: `by_domain`, `loss` (EW, nats),
// `gap` and `gap_percent` to `oracle`, `gap_error` (standard error over texts), `buckets`
// (loss by tokens read before: 0–8, 8–32, 32–128, 128–) and `bucket_gaps`.
nlohmann::json SummarisePure(const GateRun& run, const GateRun& oracle, const ProbeData& texts,
                             int counted);

// Texts whose subject changes at `switch_row`. `target` [texts]: the expert of the second subject;
// `source` of the first. Keys: `loss`, `gap`, `gap_percent`, `gap_error`, `after_switch` and
// `after_switch_gaps` (0–8, 8–32, 32–128 tokens after the change) and, where the run has weights
// and target and source differ, `tokens_to_switch` (median number of tokens of the new subject read
// before its expert has more than half of the weight) and `never_percent`.
nlohmann::json SummariseSpliced(const GateRun& run, const GateRun& oracle, const ProbeData& texts,
                                int switch_row, const std::vector<int>& source,
                                const std::vector<int>& target);

}  // namespace kalavai::experiment

#endif  // KALAVAI_TESTS_EXPERIMENTS_FUSION_GATE_SUMMARY_H_

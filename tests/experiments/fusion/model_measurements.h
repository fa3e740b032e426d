// What every model of a plan said about the probe text: the product's probe passes and cache files,
// one model in memory at a time, each model once.
//
// Two texts: the probe text of the product (BuildProbeText), and texts really spliced from two
// domains, half a chunk of each, of the evaluation part: one pass more, because what a model says
// about the second half depends on what it has read before.
#ifndef KALAVAI_TESTS_EXPERIMENTS_FUSION_MODEL_MEASUREMENTS_H_
#define KALAVAI_TESTS_EXPERIMENTS_FUSION_MODEL_MEASUREMENTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/probe/probe_cache.h"
#include "common/probe/probe_text.h"
#include "tests/experiments/fusion/experiment_plan.h"

namespace kalavai::experiment {

inline constexpr char kBaseName[] = "base";

class ModelMeasurements {
 public:
  // Reads and encodes the probe text.
  static absl::StatusOr<ModelMeasurements> Open(const ExperimentPlan& plan);

  // Base, members and references: from the cache, else by running them. `only`: these names and the
  // base; empty: all.
  absl::Status Measure(const std::vector<std::string>& only);
  // The mean of the members' weights, under the name "weight-average".
  absl::Status MeasureWeightAverage(const std::vector<PlanMember>& members);

  const ExperimentPlan& plan() const { return plan_; }
  const ProbeText& probe() const { return probe_; }
  const ProbeText& spliced() const { return spliced_; }  // domains are "FIRST>SECOND"
  const std::map<std::string, ProbeCache>& pure_caches() const { return pure_; }
  const std::map<std::string, ProbeCache>& spliced_caches() const { return spliced_caches_; }

 private:
  ModelMeasurements() = default;

  absl::StatusOr<ProbeCache> Pass(const std::string& name, const std::string& directory,
                                  const std::string& digest, const ProbeText& text);
  absl::Status MeasureOne(const std::string& name, const std::string& directory);

  ExperimentPlan plan_;
  ProbeText probe_;
  ProbeText spliced_;
  std::map<std::string, ProbeCache> pure_;
  std::map<std::string, ProbeCache> spliced_caches_;
  std::map<std::string, std::string> digests_;  // by directory
};

}  // namespace kalavai::experiment

#endif  // KALAVAI_TESTS_EXPERIMENTS_FUSION_MODEL_MEASUREMENTS_H_

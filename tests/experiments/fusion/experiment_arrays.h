// The numbers of some members on some domains, as the router's code reads them. The experts are the
// base and the members, in order; a text is a chunk or a splice of two.
#ifndef KALAVAI_TESTS_EXPERIMENTS_FUSION_EXPERIMENT_ARRAYS_H_
#define KALAVAI_TESTS_EXPERIMENTS_FUSION_EXPERIMENT_ARRAYS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/probe/probe_cache.h"
#include "common/probe/probe_text.h"
#include "common/router/probe_data.h"

namespace kalavai::experiment {

// Movable, not copyable: `data` points into it.
struct ExperimentArrays {
  ExperimentArrays() = default;
  ExperimentArrays(ExperimentArrays&&) noexcept = default;
  ExperimentArrays& operator=(ExperimentArrays&&) noexcept = default;

  void Bind();  // makes `data` point at the vectors

  std::vector<float> log_prob = {};
  std::vector<float> hidden = {};
  std::vector<int32_t> domain = {};
  std::vector<int32_t> chunk = {};  // index in the probe text
  ProbeData data = {};
};

// The chunks of `part` of the domains named, in their order. `experts`: names in `caches`, the base
// first. Errors: those of ValidateProbeData.
absl::StatusOr<ExperimentArrays> AssembleArrays(const ProbeText& probe,
                                                const std::map<std::string, ProbeCache>& caches,
                                                const std::vector<std::string>& experts,
                                                const std::vector<std::string>& domains,
                                                ProbePart part);

// Texts spliced in the cache: the first half of a chunk's rows, then the second half of another's,
// from every ordered pair of the domains below `counted`. domain[k] is first * counted + second.
ExperimentArrays SpliceArrays(const ProbeData& data, int counted, int per_pair);

}  // namespace kalavai::experiment

#endif  // KALAVAI_TESTS_EXPERIMENTS_FUSION_EXPERIMENT_ARRAYS_H_

// What an experiment is about: a base, its specialists, probe text. Read from plan.json, which
// run.py writes:
//
//   {"base": DIR, "cache": DIR, "chunk_tokens": 256, "chunks": 64, "spliced": 4, "bfloat16": false,
//    "members":    [{"name": "welsh", "domain": "welsh", "model": DIR}, …],
//    "domains":    [{"name": "welsh", "files": [FILE, …], "public": false}, …],
//    "references": [{"name": "monolithic", "model": DIR}, …]}
#ifndef KALAVAI_TESTS_EXPERIMENTS_FUSION_EXPERIMENT_PLAN_H_
#define KALAVAI_TESTS_EXPERIMENTS_FUSION_EXPERIMENT_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace kalavai::experiment {

struct PlanMember {
  std::string name = {};
  std::string domain = {};  // "" for a reference model
  std::string model = {};   // directory
};

struct PlanDomain {
  std::string name = {};
  std::vector<std::string> files = {};
  bool public_class = false;
};

struct ExperimentPlan {
  std::string base = {};
  std::string cache = {};
  int64_t chunk_tokens = 256;
  int64_t chunks = 64;    // of each part of a domain, at most
  bool bfloat16 = false;  // matrix products of the passes in bfloat16
  int64_t spliced = 4;    // texts really spliced, of each ordered pair of domains; 0: none
  std::vector<PlanMember> members = {};
  std::vector<PlanDomain> domains = {};
  std::vector<PlanMember> references = {};
};

absl::StatusOr<ExperimentPlan> ReadPlan(const std::string& path);

// The members of the plan with these names, in the order of the names.
absl::StatusOr<std::vector<PlanMember>> MembersNamed(const ExperimentPlan& plan,
                                                     const std::vector<std::string>& names);

}  // namespace kalavai::experiment

#endif  // KALAVAI_TESTS_EXPERIMENTS_FUSION_EXPERIMENT_PLAN_H_

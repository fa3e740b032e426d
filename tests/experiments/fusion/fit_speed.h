// How long the router's training takes from the cache, and how long the same steps would take if
// the specialists ran at each of them.
//
// The numbers in the cache are drawn at random, and one model stands for all specialists: neither
// time depends on what the numbers are. This header names no tensor.
#ifndef KALAVAI_TESTS_EXPERIMENTS_FUSION_FIT_SPEED_H_
#define KALAVAI_TESTS_EXPERIMENTS_FUSION_FIT_SPEED_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kalavai::experiment {

struct FitSpeedOptions {
  std::string model = {};  // directory: of the size of base and specialists
  int specialists = 4;     // N, with a domain each
  int chunks = 64;         // of a domain's router part
  int chunk_tokens = 256;
  int steps = 500;
  int repeats = 3;  // batches run, of which the fastest counts
};

// Keys: `specialists`, `parameters`, `texts_per_step`, `chunk_tokens`, `steps`, `router_seconds`
// (statistics, ridge, all steps, judging), `batch_seconds` (one step's texts through base and all
// specialists, forward only), `running_seconds` (steps · batch_seconds), `ratio`.
absl::StatusOr<nlohmann::json> MeasureFitSpeed(const FitSpeedOptions& options);

}  // namespace kalavai::experiment

#endif  // KALAVAI_TESTS_EXPERIMENTS_FUSION_FIT_SPEED_H_

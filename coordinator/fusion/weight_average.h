// The mean of several models' weights as a checkpoint directory: a baseline of every report. This
// header names no tensor; the source is fenced (LibTorch).
#ifndef KALAVAI_COORDINATOR_FUSION_WEIGHT_AVERAGE_H_
#define KALAVAI_COORDINATOR_FUSION_WEIGHT_AVERAGE_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "common/crypto/sha256.h"

namespace kalavai::coordinator {

// Writes config.json and float32 weights to `directory`, which is made anew. Errors: those of
// WeightAverage and SaveTransformer (common/model/weights.h), IO_ERROR.
absl::Status WriteWeightAverage(const std::vector<std::string>& model_directories,
                                const std::string& directory);

// Names the average in a probe cache: SHA-256("weight-average" ‖ the models' root digests in
// order). Not the root digest of the directory: it is known before the weights are averaged.
Digest WeightAverageKey(std::span<const Digest> root_digests);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_WEIGHT_AVERAGE_H_

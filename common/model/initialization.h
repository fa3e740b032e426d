// A fresh model from a seed.
//
// Draws come from SplitMix64 (common/model/sampler.h) by Box and Muller, tensors in name order: the
// same bits for the same config and seed, whatever LibTorch's version and thread count.
//
// Errors: those of ModelConfig::Validate; OUT_OF_MEMORY, TORCH_FAILED. Threads: a pure function.
#ifndef KALAVAI_COMMON_MODEL_INITIALIZATION_H_
#define KALAVAI_COMMON_MODEL_INITIALIZATION_H_

#include <cstdint>

#include "absl/status/statusor.h"

#include "common/model/transformer.h"

namespace kalavai {

// Float32; weights normal with initializer_range, biases 0, norms 1, as transformers starts them.
// GPT-NeoX: the two layers that write into the residual stream are scaled by 1/√(2 · layer_count)
// (as GPT-2 and the GPT-NeoX library do).
absl::StatusOr<Transformer> InitializeTransformer(const ModelConfig& config, uint64_t seed);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_INITIALIZATION_H_

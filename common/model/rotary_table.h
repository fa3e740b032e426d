// The angles of the rotary embedding: cos and sin of every position and frequency, as transformers'
// modeling_rope_utils computes them, in float32.
//
// Frequencies are base^(−2i/R), i < R/2, R = rotary_size(). `linear` divides all by the factor.
// `llama3` (Llama 3.1 and later) divides those whose wave length 2π/f is above
// original_context / low_frequency_factor, keeps those below original_context /
// high_frequency_factor, and blends in between.
//
// Errors: LibTorch's exceptions (callers are inside CatchTorch). Pure functions.
#ifndef KALAVAI_COMMON_MODEL_ROTARY_TABLE_H_
#define KALAVAI_COMMON_MODEL_ROTARY_TABLE_H_

#include <cstdint>

#include "common/model/model_config.h"
#include "common/model/torch.h"

namespace kalavai {

struct RotaryTable {
  at::Tensor cos_TR, sin_TR;  // float32, contiguous; one row a position, R/2 columns

  // The rows of positions [first, first + tokens).
  RotaryTable Rows(int64_t first, int64_t tokens) const {
    return {cos_TR.narrow(0, first, tokens), sin_TR.narrow(0, first, tokens)};
  }
};

// float32, R/2 of them.
at::Tensor RotaryFrequencies(const ModelConfig& config);

// One row for each of context_length positions: the same table on every device.
RotaryTable MakeRotaryTable(const ModelConfig& config, at::Device device);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_ROTARY_TABLE_H_

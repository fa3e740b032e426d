#include "common/model/rotary_table.h"

#include <numbers>

namespace kalavai {
namespace {

using at::Tensor;

// The order of operations is that of transformers' _compute_llama3_parameters: float32 bits count
// at far positions.
Tensor ScaleAsLlama3(const Tensor& frequencies, const RopeScaling& scaling) {
  const double original = static_cast<double>(scaling.original_context_length);
  const double low = scaling.low_frequency_factor;
  const double high = scaling.high_frequency_factor;
  const Tensor wave_length = 2 * std::numbers::pi / frequencies;
  const Tensor divided = frequencies / scaling.factor;
  const Tensor far = wave_length.gt(original / low);
  const Tensor near = wave_length.lt(original / high);
  const Tensor share = (original / wave_length - low) / (high - low);
  const Tensor kept_or_divided = at::where(far, divided, frequencies);
  const Tensor blended = (1.0 - share) * kept_or_divided / scaling.factor + share * kept_or_divided;
  return at::where(near.logical_or(far), kept_or_divided, blended);
}

}  // namespace

Tensor RotaryFrequencies(const ModelConfig& config) {
  const int64_t size = config.rotary_size();
  const Tensor exponents = at::arange(0, size, 2, at::kFloat) / static_cast<double>(size);
  const Tensor frequencies = 1.0 / at::pow(at::Scalar(config.rotary_base), exponents);
  switch (config.rope_scaling.type) {
    case RopeType::kDefault:
      return frequencies;
    case RopeType::kLinear:
      return frequencies / config.rope_scaling.factor;
    case RopeType::kLlama3:
      return ScaleAsLlama3(frequencies, config.rope_scaling);
  }
  return frequencies;
}

RotaryTable MakeRotaryTable(const ModelConfig& config, at::Device device) {
  const Tensor positions = at::arange(0, config.context_length, at::kFloat);
  const Tensor angles_TR = at::outer(positions, RotaryFrequencies(config));
  return {angles_TR.cos().to(device), angles_TR.sin().to(device)};
}

}  // namespace kalavai

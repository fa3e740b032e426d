#include "common/model/initialization.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "absl/strings/match.h"

#include "common/base/status_macros.h"
#include "common/model/sampler.h"

namespace kalavai {
namespace {

using at::Tensor;

// Normal numbers from SplitMix64 by Box and Muller; float64 libm, rounded once to float32.
class NormalGenerator {
 public:
  explicit NormalGenerator(uint64_t seed) : generator_(seed) {}

  void Fill(Tensor& tensor, double deviation) {
    float* out = tensor.mutable_data_ptr<float>();
    const int64_t count = tensor.numel();
    for (int64_t i = 0; i < count; i += 2) {
      const double radius = std::sqrt(-2.0 * std::log(1.0 - generator_.Uniform())) * deviation;
      const double angle = 2.0 * std::numbers::pi * generator_.Uniform();
      out[i] = static_cast<float>(radius * std::cos(angle));
      if (i + 1 < count) out[i + 1] = static_cast<float>(radius * std::sin(angle));
    }
  }

 private:
  SplitMix64 generator_;
};

// GPT-NeoX starts these smaller, by the depth; transformers starts Llama and Qwen2 all alike.
bool StartsSmaller(absl::string_view name) {
  return absl::EndsWith(name, "attention.dense.weight") ||
         absl::EndsWith(name, "mlp.dense_4h_to_h.weight");
}

}  // namespace

absl::StatusOr<Transformer> InitializeTransformer(const ModelConfig& config, uint64_t seed) {
  RETURN_IF_ERROR(config.Validate());
  return CatchTorch("initialize weights", [&]() -> absl::StatusOr<Transformer> {
    NormalGenerator generator(seed);
    NamedTensors parameters;
    for (const auto& [name, shape] : ParameterShapes(config)) {  // sorted: the order of the draws
      Tensor tensor = at::zeros(shape, at::kFloat);
      if (absl::StrContains(name, "norm.weight")) {
        tensor.fill_(1.0);
      } else if (shape.size() == 2) {
        double deviation = config.initializer_range;
        if (StartsSmaller(name)) {
          deviation /= std::sqrt(2.0 * static_cast<double>(config.layer_count));
        }
        generator.Fill(tensor, deviation);
      }
      parameters[name] = tensor;
    }
    ModelConfig float_config = config;
    float_config.weight_type = WeightType::kFloat32;
    return BindParameters(float_config, std::move(parameters));
  });
}

}  // namespace kalavai

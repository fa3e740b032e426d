#include "common/model/transformer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "common/base/status_macros.h"
#include "common/model/shape_error.h"

namespace kalavai {
namespace {

using at::Tensor;

absl::Status CheckShapes(const ModelConfig& config, const NamedTensors& parameters) {
  const auto shapes = ParameterShapes(config);
  for (const auto& [name, shape] : shapes) {
    const auto found = parameters.find(name);
    if (found == parameters.end()) return ShapeMismatch(absl::StrCat(name, ": missing"));
    if (found->second.sizes() != at::IntArrayRef(shape)) {
      return ShapeMismatch(absl::StrCat(name, ": shape [",
                                        absl::StrJoin(found->second.sizes(), ","),
                                        "] found; must be [", absl::StrJoin(shape, ","), "]"));
    }
  }
  for (const auto& [name, tensor] : parameters) {
    if (!shapes.contains(name)) return ShapeMismatch(absl::StrCat(name, ": not of this model"));
  }
  return absl::OkStatus();
}

int64_t RowsOf(const std::vector<Tensor>& parts) {
  int64_t rows = 0;
  for (const Tensor& part : parts) rows += part.size(0);
  return rows;
}

// Whether the parts lie in one storage, the rows of each directly after those before it.
bool AreNeighbours(const std::vector<Tensor>& parts) {
  const Tensor& first = parts.front();
  int64_t offset = first.storage_offset();
  for (const Tensor& part : parts) {
    if (!part.is_contiguous() || !part.is_alias_of(first) || part.storage_offset() != offset ||
        part.scalar_type() != first.scalar_type()) {
      return false;
    }
    offset += part.numel();
  }
  return true;
}

// The named tensors as one, rows below rows: see BindParameters.
Tensor Fuse(const std::vector<std::string>& names, NamedTensors& parameters) {
  std::vector<Tensor> parts;
  for (const std::string& name : names) parts.push_back(parameters.at(name));
  if (parts.size() == 1) return parts.front();
  const bool graph = std::any_of(parts.begin(), parts.end(),
                                 [](const Tensor& part) { return part.requires_grad(); });
  if (graph) return at::cat(parts, 0);
  std::vector<int64_t> sizes = parts.front().sizes().vec();
  sizes.front() = RowsOf(parts);
  if (AreNeighbours(parts)) {
    return parts.front().as_strided(sizes, parts.front().strides(), parts.front().storage_offset());
  }
  const Tensor fused = at::cat(parts, 0);
  int64_t row = 0;
  for (const std::string& name : names) {
    Tensor& own = parameters.at(name);
    const int64_t rows = own.size(0);
    own = fused.narrow(0, row, rows);
    row += rows;
  }
  return fused;
}

// Weights and, where the model has them, biases of the named layers, fused.
LinearWeights BindLinear(const std::vector<std::string>& layers, NamedTensors& parameters) {
  std::vector<std::string> weights;
  std::vector<std::string> biases;
  for (const std::string& layer : layers) {
    weights.push_back(layer + ".weight");
    biases.push_back(layer + ".bias");
  }
  LinearWeights linear = {.weight_OI = Fuse(weights, parameters), .bias_O = {}};
  if (parameters.contains(biases.front())) linear.bias_O = Fuse(biases, parameters);
  return linear;
}

NormWeights BindNorm(const std::string& layer, const NamedTensors& parameters) {
  const auto bias = parameters.find(layer + ".bias");
  return {.weight_D = parameters.at(layer + ".weight"),
          .bias_D = bias == parameters.end() ? Tensor() : bias->second};
}

}  // namespace

at::ScalarType ScalarTypeOf(WeightType type) {
  return type == WeightType::kFloat32 ? at::kFloat : at::kBFloat16;
}

at::Device TorchDevice(Device device) { return device == Device::kCpu ? at::kCPU : at::kCUDA; }

at::Device Transformer::device() const { return embed_in_VD.device(); }

WeightType Transformer::weight_type() const {
  return embed_out_VD.scalar_type() == at::kBFloat16 ? WeightType::kBfloat16 : WeightType::kFloat32;
}

absl::StatusOr<Transformer> BindParameters(const ModelConfig& config, NamedTensors parameters,
                                           const RotaryTable& rotary) {
  RETURN_IF_ERROR(CheckShapes(config, parameters));
  return CatchTorch("bind parameters", [&]() -> absl::StatusOr<Transformer> {
    Transformer model;
    model.config = config;
    model.parameters = std::move(parameters);
    NamedTensors& named = model.parameters;
    model.embed_in_VD = named.at(EmbedInName(config.family));
    for (int64_t layer = 0; layer < config.layer_count; ++layer) {
      const BlockNames names = BlockNamesOf(config.family, layer);
      model.blocks.push_back({.attention_norm = BindNorm(names.attention_norm, named),
                              .query_key_value = BindLinear(names.query_key_value, named),
                              .attention_out = BindLinear({names.attention_out}, named),
                              .feed_forward_norm = BindNorm(names.feed_forward_norm, named),
                              .feed_forward_in = BindLinear(names.feed_forward_in, named),
                              .feed_forward_out = BindLinear({names.feed_forward_out}, named)});
    }
    model.final_norm = BindNorm(FinalNormName(config.family), named);
    model.embed_out_VD =
        config.tied_embeddings ? model.embed_in_VD : named.at(EmbedOutName(config.family));
    model.product_type = model.embed_out_VD.scalar_type();
    const bool known = rotary.cos_TR.defined() && rotary.cos_TR.device() == model.device();
    model.rotary = known ? rotary : MakeRotaryTable(config, model.device());
    return model;
  });
}

absl::StatusOr<Transformer> Transformer::CastTo(WeightType type) const {
  return CatchTorch("cast weights", [&]() -> absl::StatusOr<Transformer> {
    NamedTensors cast;
    for (const auto& [name, tensor] : parameters) cast[name] = tensor.to(ScalarTypeOf(type));
    ModelConfig cast_config = config;
    cast_config.weight_type = type;
    return BindParameters(cast_config, std::move(cast), rotary);
  });
}

absl::StatusOr<Transformer> Transformer::MoveTo(Device device) const {
  return CatchTorch("move weights", [&]() -> absl::StatusOr<Transformer> {
    NamedTensors moved;
    for (const auto& [name, tensor] : parameters) moved[name] = tensor.to(TorchDevice(device));
    return BindParameters(config, std::move(moved), rotary);
  });
}

absl::StatusOr<Transformer> Transformer::Clone() const {
  return CatchTorch("copy weights", [&]() -> absl::StatusOr<Transformer> {
    NamedTensors copies;
    for (const auto& [name, tensor] : parameters) copies[name] = tensor.detach().clone();
    return BindParameters(config, std::move(copies), rotary);
  });
}

}  // namespace kalavai

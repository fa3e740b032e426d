#include "common/model/weights.h"

#include <cstddef>
#include <cstring>
#include <fstream>
#include <span>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/safetensors/checkpoint_directory.h"
#include "common/safetensors/writer.h"
#include "common/storage/atomic_file.h"

namespace kalavai {
namespace {

using at::Tensor;

absl::Status WeightsInvalid(const std::string& dir, absl::string_view tensor,
                            absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "WEIGHTS_INVALID",
                   {.what = absl::StrCat(dir, ": ", tensor, ": ", what),
                    .why = "config.json fixes the name, shape and type of every tensor",
                    .fix = "use config.json and weights of the same model",
                    .metadata = {{"tensor", std::string(tensor)}}});
}

absl::Status NotFinite(const std::string& place, absl::string_view tensor) {
  return MakeError(absl::StatusCode::kInvalidArgument, "WEIGHTS_NOT_FINITE",
                   {.what = absl::StrCat(place, ": ", tensor,
                                         ": NaN or infinity found; every value must be finite"),
                    .why = "one such weight makes every output NaN",
                    .fix = "train again with a lower learning rate",
                    .metadata = {{"tensor", std::string(tensor)}}});
}

absl::StatusOr<at::ScalarType> StoredType(const std::string& dir, const CheckpointTensor& tensor) {
  switch (tensor.info->dtype) {
    case Dtype::kF32:
      return at::kFloat;
    case Dtype::kBF16:
      return at::kBFloat16;
    case Dtype::kF16:
      return at::kHalf;
    default:
      return WeightsInvalid(
          dir, tensor.name(),
          absl::StrCat("type ", DtypeName(tensor.info->dtype), " found; must be F32, BF16 or F16"));
  }
}

bool AllFinite(const Tensor& tensor) {
  // The sum of x − x is 0 for finite values and NaN otherwise; no mask of the tensor's size.
  return (tensor - tensor).sum(at::kFloat).item<float>() == 0.0F;
}

// Copies a tensor out of the mapped file: its bytes need not be aligned, nor outlive the file.
absl::StatusOr<Tensor> ReadTensor(const CheckpointDirectory& directory,
                                  const CheckpointTensor& tensor, std::optional<WeightType> type) {
  ASSIGN_OR_RETURN(const at::ScalarType stored, StoredType(directory.path(), tensor));
  Tensor result = at::empty(tensor.info->shape.Signed(), stored);
  const std::span<const std::byte> bytes = directory.Bytes(tensor);
  std::memcpy(result.mutable_data_ptr(), bytes.data(), bytes.size());
  if (!AllFinite(result)) return NotFinite(directory.path(), tensor.name());
  if (type.has_value()) return result.to(ScalarTypeOf(*type));
  return stored == at::kHalf ? result.to(at::kFloat) : result;
}

absl::Status CheckNames(const ModelConfig& config, const CheckpointDirectory& directory) {
  const auto shapes = ParameterShapes(config);
  for (const CheckpointTensor& tensor : directory.tensors()) {
    const auto expected = shapes.find(std::string(tensor.name()));
    if (expected == shapes.end()) {
      const bool tied_copy = config.tied_embeddings && tensor.name() == "embed_out.weight";
      if (IsComputedBuffer(tensor.name())) continue;
      return WeightsInvalid(directory.path(), tensor.name(),
                            tied_copy ? "must be absent, as config.json ties it to embed_in"
                                      : "not a tensor of this model");
    }
    if (!(tensor.info->shape == expected->second)) {
      return WeightsInvalid(
          directory.path(), tensor.name(),
          absl::StrCat("shape [", absl::StrJoin(tensor.info->shape, ","), "] found; must be [",
                       absl::StrJoin(expected->second, ","), "]"));
    }
  }
  for (const auto& [name, shape] : shapes) {
    if (directory.Find(name) == nullptr) {
      return WeightsInvalid(directory.path(), name, "missing");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ModelConfig> ReadConfig(const CheckpointDirectory& directory) {
  auto config = ModelConfig::FromJson(directory.config_json());
  if (!config.ok()) return Annotate(config.status(), directory.path());
  return config;
}

absl::StatusOr<Transformer> Load(const CheckpointDirectory& directory, const ModelConfig& config,
                                 const LoadOptions& options) {
  RETURN_IF_ERROR(CheckNames(config, directory));
  NamedTensors parameters;
  std::optional<at::ScalarType> common;  // a forward pass computes in one type
  for (const CheckpointTensor& tensor : directory.tensors()) {
    if (IsComputedBuffer(tensor.name())) continue;
    ASSIGN_OR_RETURN(const Tensor value, ReadTensor(directory, tensor, options.type));
    if (common.has_value() && *common != value.scalar_type()) {
      return WeightsInvalid(directory.path(), tensor.name(),
                            "of another type than the tensors before it; all must be of one type");
    }
    common = value.scalar_type();
    parameters[std::string(tensor.name())] = value.to(TorchDevice(options.device));
  }
  ModelConfig own = config;
  own.weight_type = common == at::kBFloat16 ? WeightType::kBfloat16 : WeightType::kFloat32;
  return BindParameters(own, std::move(parameters));
}

TensorView ViewOf(const std::string& name, const Tensor& contiguous) {
  const auto* data = static_cast<const std::byte*>(contiguous.const_data_ptr());
  return {.name = name,
          .dtype = contiguous.scalar_type() == at::kBFloat16 ? Dtype::kBF16 : Dtype::kF32,
          .shape = contiguous.sizes().vec(),
          .bytes = {data, contiguous.nbytes()}};
}

}  // namespace

absl::StatusOr<Transformer> LoadTransformer(const std::string& dir, const LoadOptions& options) {
  return CatchTorch("load weights", [&]() -> absl::StatusOr<Transformer> {
    ASSIGN_OR_RETURN(const CheckpointDirectory directory, CheckpointDirectory::Open(dir, {}));
    ASSIGN_OR_RETURN(const ModelConfig config, ReadConfig(directory));
    return Load(directory, config, options);
  });
}

absl::Status SaveTransformer(const Transformer& model, const std::string& dir, WeightType type) {
  return CatchTorch("save weights", [&]() -> absl::Status {
    NamedTensors stored;
    std::vector<TensorView> views;
    for (const auto& [name, tensor] : model.parameters) {
      const Tensor value = tensor.detach().to(ScalarTypeOf(type)).cpu().contiguous();
      if (!AllFinite(value)) return NotFinite(dir, name);
      stored[name] = value;
      views.push_back(ViewOf(name, value));
    }
    RETURN_IF_ERROR(WriteSafetensors(absl::StrCat(dir, "/model.safetensors"), std::move(views)));
    ModelConfig config = model.config;
    config.weight_type = type;
    return WriteFileAtomically(absl::StrCat(dir, "/config.json"), config.ToJson());
  });
}

std::vector<std::string> FrozenNames(const ModelConfig& config, int64_t freeze_depth) {
  std::vector<std::string> names;
  if (freeze_depth <= 0) return names;
  for (const auto& [name, shape] : ParameterShapes(config)) {
    if (name == "gpt_neox.embed_in.weight") names.push_back(name);
    for (int64_t layer = 0; layer < freeze_depth; ++layer) {
      if (absl::StartsWith(name, absl::StrCat("gpt_neox.layers.", layer, "."))) {
        names.push_back(name);
      }
    }
  }
  return names;
}

absl::StatusOr<Transformer> WeightAverage(const std::vector<std::string>& dirs) {
  if (dirs.empty()) {
    return WeightsInvalid("weight average", "models", "none found; must be at least one");
  }
  return CatchTorch("average weights", [&]() -> absl::StatusOr<Transformer> {
    Transformer average;
    for (const std::string& dir : dirs) {  // one model beside the sum in memory at a time
      ASSIGN_OR_RETURN(const Transformer model,
                       LoadTransformer(dir, {.type = WeightType::kFloat32}));
      if (average.parameters.empty()) {
        average = model;
        continue;
      }
      ModelConfig same = model.config;
      same.weight_type = average.config.weight_type;
      if (!(same == average.config)) {
        return WeightsInvalid(dir, "config.json", "differs from that of the models before it");
      }
      for (auto& [name, sum] : average.parameters) sum.add_(model.parameters.at(name));
    }
    for (auto& [name, sum] : average.parameters) sum.div_(static_cast<double>(dirs.size()));
    return average;
  });
}

}  // namespace kalavai

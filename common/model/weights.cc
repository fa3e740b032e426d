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
#include "common/safetensors/shard_writer.h"
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

// Names, shapes and types, before a byte of them is read.
absl::Status CheckTensors(const ModelConfig& config, const CheckpointDirectory& directory) {
  auto shapes = ParameterShapes(config);
  const std::string tied_copy = config.tied_embeddings ? EmbedOutName(config.family) : "";
  if (config.tied_embeddings && directory.Find(tied_copy) != nullptr) {
    shapes[tied_copy] = {config.vocab_size, config.hidden_size};
  }
  for (const CheckpointTensor& tensor : directory.tensors()) {
    if (IsComputedBuffer(tensor.name())) continue;
    const auto expected = shapes.find(std::string(tensor.name()));
    if (expected == shapes.end()) {
      return WeightsInvalid(directory.path(), tensor.name(), "not a tensor of this model");
    }
    if (!(tensor.info->shape == expected->second)) {
      return WeightsInvalid(
          directory.path(), tensor.name(),
          absl::StrCat("shape [", absl::StrJoin(tensor.info->shape, ","), "] found; must be [",
                       absl::StrJoin(expected->second, ","), "]"));
    }
    RETURN_IF_ERROR(StoredType(directory.path(), tensor).status());
  }
  for (const auto& [name, shape] : shapes) {
    if (directory.Find(name) == nullptr) {
      return WeightsInvalid(directory.path(), name,
                            name == EmbedOutName(config.family)
                                ? "missing, though config.json does not tie it to the embedding"
                                : "missing");
    }
  }
  return absl::OkStatus();
}

// Some files hold a tied output matrix all the same: it must be the embedding, and is dropped.
absl::Status DropTiedCopy(const std::string& dir, const ModelConfig& config,
                          NamedTensors& parameters) {
  if (!config.tied_embeddings) return absl::OkStatus();
  const auto copy = parameters.find(EmbedOutName(config.family));
  if (copy == parameters.end()) return absl::OkStatus();
  if (!at::equal(copy->second, parameters.at(EmbedInName(config.family)))) {
    return WeightsInvalid(dir, copy->first,
                          absl::StrCat("differs from ", EmbedInName(config.family),
                                       ", though config.json ties the two"));
  }
  parameters.erase(copy);
  return absl::OkStatus();
}

absl::StatusOr<ModelConfig> ReadConfig(const CheckpointDirectory& directory) {
  auto config = ModelConfig::FromJson(directory.config_json());
  if (!config.ok()) return Annotate(config.status(), directory.path());
  return config;
}

absl::StatusOr<Transformer> Load(const CheckpointDirectory& directory, const ModelConfig& config,
                                 const LoadOptions& options) {
  RETURN_IF_ERROR(CheckTensors(config, directory));
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
  RETURN_IF_ERROR(DropTiedCopy(directory.path(), config, parameters));
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

absl::Status SaveTransformer(const Transformer& model, const std::string& dir, WeightType type,
                             int64_t shard_bytes) {
  return CatchTorch("save weights", [&]() -> absl::Status {
    NamedTensors stored;
    std::vector<TensorView> views;
    for (const auto& [name, tensor] : model.parameters) {
      const Tensor value = tensor.detach().to(ScalarTypeOf(type)).cpu().contiguous();
      if (!AllFinite(value)) return NotFinite(dir, name);
      stored[name] = value;
      views.push_back(ViewOf(name, value));
    }
    RETURN_IF_ERROR(WriteWeights(dir, views, shard_bytes).status());
    ModelConfig config = model.config;
    config.weight_type = type;
    return WriteFileAtomically(absl::StrCat(dir, "/config.json"), config.ToJson());
  });
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

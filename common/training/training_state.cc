#include "common/training/training_state.h"

#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/status_macros.h"
#include "common/safetensors/reader.h"
#include "common/safetensors/writer.h"

namespace kalavai {
namespace {

constexpr char kProgress[] = "progress";
constexpr char kParameters[] = "parameters.";
constexpr char kOptimizer[] = "optimizer.";
constexpr char kBest[] = "best.";

absl::Status InvalidState(std::string what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "TRAINING_STATE_INVALID",
                   {.what = std::move(what),
                    .why = "a state continues only the training it was saved from",
                    .fix = "remove the file and train from the start"});
}

std::span<const std::byte> BytesOf(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

// Keeps the contiguous copies alive in `held`.
absl::Status Append(const std::string& prefix, const NamedTensors& tensors,
                    std::vector<at::Tensor>& held, std::vector<TensorView>& views) {
  for (const auto& [name, tensor] : tensors) {
    held.push_back(tensor.detach().cpu().contiguous());
    const at::ScalarType type = tensor.scalar_type();
    if (type != at::kFloat && type != at::kBFloat16) {
      return InvalidState(absl::StrCat("tensor ", name, ": neither float32 nor bfloat16"));
    }
    views.push_back({absl::StrCat(prefix, name), type == at::kFloat ? Dtype::kF32 : Dtype::kBF16,
                     tensor.sizes().vec(), BytesOf(held.back())});
  }
  return absl::OkStatus();
}

absl::StatusOr<at::Tensor> ToTensor(const SafetensorsFile& file, const TensorInfo& info) {
  if (info.dtype != Dtype::kF32 && info.dtype != Dtype::kBF16) {
    return InvalidState(absl::StrCat(file.path(), ": a tensor of type ", DtypeName(info.dtype)));
  }
  const at::Tensor tensor =
      at::empty(info.shape.Signed(), info.dtype == Dtype::kF32 ? at::kFloat : at::kBFloat16);
  const std::span<const std::byte> bytes = file.Bytes(info);
  if (!bytes.empty()) std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

std::string ProgressJson(const TrainingState& state) {
  nlohmann::json curve = nlohmann::json::array();
  for (const CurvePoint& point : state.curve) {
    curve.push_back({{"step", point.step}, {"loss", point.loss}});
  }
  return nlohmann::json({{"binding", state.binding},
                         {"step", state.step},
                         {"batches", state.batches},
                         {"best_step", state.best_step},
                         {"best_loss", state.best_loss},
                         {"seconds", state.seconds},
                         {"curve", curve}})
      .dump();
}

absl::Status ReadProgress(absl::string_view text, TrainingState& state) {
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadJson(text));
  ASSIGN_OR_RETURN(state.binding, JsonString(json, "binding"));
  ASSIGN_OR_RETURN(state.step, JsonInt(json, "step"));
  ASSIGN_OR_RETURN(state.batches, JsonInt(json, "batches"));
  ASSIGN_OR_RETURN(state.best_step, JsonInt(json, "best_step"));
  ASSIGN_OR_RETURN(state.best_loss, JsonNumber(json, "best_loss"));
  ASSIGN_OR_RETURN(state.seconds, JsonNumber(json, "seconds"));
  const auto curve = json.find("curve");
  if (curve == json.end() || !curve->is_array()) return InvalidState("no list 'curve'");
  for (const nlohmann::json& entry : *curve) {
    CurvePoint point;
    ASSIGN_OR_RETURN(point.step, JsonInt(entry, "step"));
    ASSIGN_OR_RETURN(point.loss, JsonNumber(entry, "loss"));
    state.curve.push_back(point);
  }
  if (state.step < 0 || state.batches < state.step) return InvalidState("steps and batches differ");
  return absl::OkStatus();
}

absl::Status Sort(const SafetensorsFile& file, const TensorInfo& info, TrainingState& state) {
  const absl::string_view name = info.name;
  if (name == kProgress) return absl::OkStatus();
  ASSIGN_OR_RETURN(at::Tensor tensor, ToTensor(file, info));
  if (absl::StartsWith(name, kParameters)) {
    state.parameters[std::string(name.substr(sizeof kParameters - 1))] = std::move(tensor);
  } else if (absl::StartsWith(name, kBest)) {
    state.best[std::string(name.substr(sizeof kBest - 1))] = std::move(tensor);
  } else if (absl::StartsWith(name, kOptimizer)) {
    state.optimizer[std::string(name)] = std::move(tensor);
  } else {
    return InvalidState(absl::StrCat(file.path(), ": a tensor that belongs to no training state"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SaveTrainingState(const std::string& path, const TrainingState& state) {
  return CatchTorch("save training state", [&]() -> absl::Status {
    const std::string progress = ProgressJson(state);
    std::vector<at::Tensor> held;
    std::vector<TensorView> views = {
        {kProgress,
         Dtype::kU8,
         {static_cast<int64_t>(progress.size())},
         std::as_bytes(std::span<const char>(progress.data(), progress.size()))}};
    RETURN_IF_ERROR(Append(kParameters, state.parameters, held, views));
    RETURN_IF_ERROR(Append("", state.optimizer, held, views));
    RETURN_IF_ERROR(Append(kBest, state.best, held, views));
    return WriteSafetensors(path, std::move(views));
  });
}

absl::StatusOr<TrainingState> LoadTrainingState(const std::string& path,
                                                const std::string& binding) {
  return CatchTorch("load training state", [&]() -> absl::StatusOr<TrainingState> {
    absl::StatusOr<SafetensorsFile> opened = SafetensorsFile::Open(path, SafetensorsMode::kFormat);
    if (!opened.ok()) {
      if (!IsSafetensorsError(opened.status())) return opened.status();
      return InvalidState(std::string(opened.status().message()));
    }
    const TensorInfo* progress = opened->Find(kProgress);
    if (progress == nullptr || progress->dtype != Dtype::kU8) {
      return InvalidState(absl::StrCat(path, ": no 'progress'"));
    }
    TrainingState state;
    const std::span<const std::byte> bytes = opened->Bytes(*progress);
    const absl::Status read =
        ReadProgress({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, state);
    if (!read.ok()) return InvalidState(absl::StrCat(path, ": ", read.message()));
    if (state.binding != binding) {
      return InvalidState(absl::StrCat(path, ": of run ", state.binding, "; must be ", binding));
    }
    for (const TensorInfo& info : opened->header().tensors()) {
      RETURN_IF_ERROR(Sort(*opened, info, state));
    }
    return state;
  });
}

}  // namespace kalavai

#include "coordinator/submission/weight_inspector.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/model/name_table.h"

namespace kalavai::coordinator {
namespace {

absl::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// IEEE half to single precision, exactly; infinities and NaN stay what they are.
float HalfToFloat(uint16_t half) {
  const uint32_t sign = (half & 0x8000U) << 16;
  const uint32_t exponent = (half >> 10) & 0x1FU;
  const uint32_t mantissa = half & 0x3FFU;
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 0x1FU ? 0xFFU : exponent + 112U;
  return std::bit_cast<float>(sign | (wide << 23) | (mantissa << 13));
}

template <typename T>
T LoadElement(const std::byte* bytes, int64_t index) {
  T value;
  std::memcpy(&value, bytes + static_cast<size_t>(index) * sizeof(T), sizeof(T));
  return value;
}

// Calls visit(index, value) for every element. Only dtypes of SafetensorsMode::kUpload.
template <typename Visit>
void ForEachElement(const WeightSet::Tensor& tensor, Visit visit) {
  const std::byte* const bytes = tensor.Bytes().data();
  const int64_t count = tensor.info->ElementCount();
  switch (tensor.info->dtype) {
    case Dtype::kF32:
      for (int64_t i = 0; i < count; ++i) visit(i, LoadElement<float>(bytes, i));
      return;
    case Dtype::kF16:
      for (int64_t i = 0; i < count; ++i) visit(i, HalfToFloat(LoadElement<uint16_t>(bytes, i)));
      return;
    case Dtype::kBF16:
      for (int64_t i = 0; i < count; ++i) {
        visit(i,
              std::bit_cast<float>(static_cast<uint32_t>(LoadElement<uint16_t>(bytes, i)) << 16));
      }
      return;
    default:
      KALAVAI_CHECK(false, "uploads hold F32, F16 and BF16 only");
  }
}

std::vector<float> Values(const WeightSet::Tensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.info->ElementCount()));
  ForEachElement(tensor, [&](int64_t i, float value) { values[static_cast<size_t>(i)] = value; });
  return values;
}

std::string ShapeText(const TensorInfo& info) {
  return absl::StrCat(DtypeName(info.dtype), "[", absl::StrJoin(info.shape, ","), "]");
}

absl::Status TensorError(absl::StatusCode code, absl::string_view reason, absl::string_view tensor,
                         absl::string_view what, absl::string_view fix) {
  return MakeError(code, reason,
                   {.what = absl::StrCat("tensor ", tensor, ": ", what),
                    .fix = std::string(fix),
                    .metadata = {{"tensor", std::string(tensor)}}});
}

}  // namespace

absl::StatusOr<WeightSet> WeightSet::Open(const std::vector<std::string>& locations,
                                          SafetensorsMode mode) {
  WeightSet set;
  set.files_.reserve(locations.size());  // tensors_ points into it
  for (const std::string& location : locations) {
    ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(location, mode));
    set.files_.push_back(std::move(file));
    const SafetensorsFile& added = set.files_.back();
    for (const TensorInfo& info : added.header().tensors()) {
      if (!set.tensors_.emplace(std::string(info.name), Tensor{&added, &info}).second) {
        return TensorError(absl::StatusCode::kInvalidArgument, "SAFETENSORS_INVALID", info.name,
                           "in two files; must be in one", "write the checkpoint again");
      }
    }
  }
  return set;
}

absl::Status CompareShapes(const WeightSet& own, const WeightSet& base) {
  const auto fail = [](absl::string_view tensor, absl::string_view what) {
    return TensorError(absl::StatusCode::kInvalidArgument, "WEIGHTS_INVALID", tensor, what,
                       "train from the base of 'kalavai fetch' without changing its architecture");
  };
  for (const auto& [name, tensor] : base.tensors()) {
    const auto found = own.tensors().find(name);
    if (found == own.tensors().end()) {
      if (IsComputedBuffer(name)) continue;
      return fail(name, "missing; must be as in the base");
    }
    const TensorInfo& mine = *found->second.info;
    if (mine.dtype != tensor.info->dtype || !(mine.shape == tensor.info->shape)) {
      return fail(name, absl::StrCat(ShapeText(mine), " found; must be ", ShapeText(*tensor.info)));
    }
  }
  for (const auto& [name, tensor] : own.tensors()) {
    if (!base.tensors().contains(name)) return fail(name, "not in the base; must not be there");
  }
  return absl::OkStatus();
}

absl::Status CompareFrozen(const WeightSet& own, const WeightSet& base, int64_t freeze_depth) {
  for (const auto& [name, tensor] : own.tensors()) {
    if (!IsFrozenName(name, freeze_depth)) continue;
    if (AsText(tensor.Bytes()) == AsText(base.tensors().at(name).Bytes())) continue;
    return TensorError(absl::StatusCode::kFailedPrecondition, "BASE_MISMATCH", name,
                       "frozen, yet its bytes differ from the base's; must be bit-equal",
                       "train from the base of 'kalavai fetch' with the charter's freeze depth");
  }
  return absl::OkStatus();
}

absl::Status CheckFinite(const WeightSet& own) {
  for (const auto& [name, tensor] : own.tensors()) {
    std::optional<int64_t> bad;
    ForEachElement(tensor, [&](int64_t index, float value) {
      if (!std::isfinite(value) && !bad.has_value()) bad = index;
    });
    if (!bad.has_value()) continue;
    return MakeError(absl::StatusCode::kInvalidArgument, "WEIGHTS_NOT_FINITE",
                     {.what = absl::StrCat("tensor ", name, ": element ", *bad,
                                           " is NaN or infinite; must be finite"),
                      .fix = "train again with a lower --learning-rate",
                      .metadata = {{"tensor", name}, {"index", absl::StrCat(*bad)}}});
  }
  return absl::OkStatus();
}

absl::Status CheckLineage(const WeightSet& own, const WeightSet& base) {
  for (const auto& [name, tensor] : own.tensors()) {
    if (tensor.info->shape.size() < 2 || tensor.info->ElementCount() < kLineageElementsMin) {
      continue;
    }
    const std::vector<float> reference = Values(base.tensors().at(name));
    double dot = 0, own_square = 0, base_square = 0;
    ForEachElement(tensor, [&](int64_t index, float value) {
      const double mine = value;
      const double theirs = reference[static_cast<size_t>(index)];
      dot += mine * theirs;
      own_square += mine * mine;
      base_square += theirs * theirs;
    });
    if (base_square == 0) continue;  // nothing to be near to
    const double cosine = dot / std::sqrt(own_square * base_square);
    if (cosine >= kLineageCosineMin) continue;  // NaN fails
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "BASE_MISMATCH",
        {.what = absl::StrCat("tensor ", name, ": cosine ", cosine,
                              " with the base's; must be at least ", kLineageCosineMin),
         .why = "fine-tuning moves weights little; these were trained from something "
                "else",
         .fix = "kalavai fetch, then train again",
         .metadata = {{"tensor", name}, {"cosine", absl::StrCat(cosine)}}});
  }
  return absl::OkStatus();
}

Digest WeightsDigest(const WeightSet& weights, const WeightSet& reference) {
  Sha256 hash;
  for (const auto& [name, tensor] : weights.tensors()) {
    if (!reference.tensors().contains(name)) continue;
    hash.Update(absl::StrCat(name, "\n", ShapeText(*tensor.info), "\n"));
    hash.Update(AsText(tensor.Bytes()));
  }
  return hash.Finish();
}

}  // namespace kalavai::coordinator

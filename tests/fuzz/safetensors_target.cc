#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/safetensors/header.h"
#include "common/safetensors/writer.h"
#include "tests/fuzz/fuzz_targets.h"

namespace kalavai::fuzz {
namespace {

constexpr SafetensorsMode kModes[] = {SafetensorsMode::kFormat, SafetensorsMode::kUpload};

void CheckRefusal(const absl::Status& status) {
  KALAVAI_CHECK(absl::StartsWith(GetErrorReason(status), "SAFETENSORS_"),
                "a refusal has its reason");
  KALAVAI_CHECK(!GetErrorDetail(status)->text.metadata.at("defect").empty(), "and its defect");
}

void CheckSize(const TensorInfo& tensor) {
  uint64_t count = 1;
  for (const uint64_t dimension : tensor.shape) {
    KALAVAI_CHECK(!__builtin_mul_overflow(count, dimension, &count), "no product overflows");
  }
  const auto width = static_cast<uint64_t>(DtypeBits(tensor.dtype));
  uint64_t bits = 0;
  KALAVAI_CHECK(!__builtin_mul_overflow(count, width, &bits), "nor does the size");
  KALAVAI_CHECK(bits % 8 == 0 && bits / 8 == static_cast<uint64_t>(tensor.ByteCount()),
                "shape fits the bytes");
}

void CheckUpload(const TensorInfo& tensor) {
  KALAVAI_CHECK(
      tensor.dtype == Dtype::kF32 || tensor.dtype == Dtype::kF16 || tensor.dtype == Dtype::kBF16,
      "an upload holds weights");
  KALAVAI_CHECK(tensor.ByteCount() > 0, "an upload holds no empty tensor");
  KALAVAI_CHECK(tensor.begin % (DtypeBits(tensor.dtype) / 8) == 0, "an upload is aligned");
  KALAVAI_CHECK(!tensor.name.empty() && tensor.name.size() <= 512 &&
                    std::all_of(tensor.name.begin(), tensor.name.end(),
                                [](char c) {
                                  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                                         c == '.' || c == '_' || c == '-';
                                }),
                "an upload's names are plain");
}

void CheckHeader(const SafetensorsHeader& header, int64_t data_size, SafetensorsMode mode) {
  KALAVAI_CHECK(header.data_size() == data_size, "the data is as large as it is");
  int64_t end = 0;
  std::set<absl::string_view> names;
  for (const TensorInfo& tensor : header.tensors()) {
    KALAVAI_CHECK(tensor.begin == end && tensor.end >= tensor.begin, "no hole and no overlap");
    end = tensor.end;
    KALAVAI_CHECK(tensor.shape.size() <= 8, "rank is bounded");
    CheckSize(tensor);
    KALAVAI_CHECK(names.insert(tensor.name).second, "no name occurs twice");
    KALAVAI_CHECK(header.Find(tensor.name) == &tensor, "a tensor is found by its name");
    if (mode == SafetensorsMode::kUpload) CheckUpload(tensor);
  }
  KALAVAI_CHECK(end == data_size, "every byte belongs to a tensor");
}

// What our writer makes of the same tensors reads as the same tensors.
void CheckWriter(const SafetensorsHeader& header, absl::string_view data) {
  std::vector<TensorView> views;
  for (const TensorInfo& tensor : header.tensors()) {
    const absl::string_view bytes =
        data.substr(static_cast<size_t>(tensor.begin), static_cast<size_t>(tensor.ByteCount()));
    // The format allows an empty tensor a dimension that no writer has.
    if (!(tensor.shape == tensor.shape.Signed())) return;
    views.push_back({.name = std::string(tensor.name),
                     .dtype = tensor.dtype,
                     .shape = tensor.shape.Signed(),
                     .bytes = std::as_bytes(std::span(bytes.data(), bytes.size()))});
  }
  const auto prefix = BuildSafetensorsHeader(views);
  KALAVAI_CHECK(prefix.ok(), "what was read can be written");
  const auto prefix_size = static_cast<int64_t>(prefix->size());
  const int64_t data_size = header.data_size();
  const auto length = SafetensorsHeader::Length(prefix->substr(0, 8), prefix_size + data_size,
                                                SafetensorsMode::kFormat);
  KALAVAI_CHECK(length.ok() && *length + 8 == prefix_size, "the written length is the header's");
  const auto again =
      SafetensorsHeader::Parse(prefix->substr(8), data_size, SafetensorsMode::kFormat);
  KALAVAI_CHECK(again.ok(), "what was written can be read");
  KALAVAI_CHECK(again->tensors().size() == header.tensors().size(), "no tensor is lost");
  for (const TensorInfo& tensor : header.tensors()) {
    const TensorInfo* written = again->Find(tensor.name);
    KALAVAI_CHECK(written != nullptr && written->dtype == tensor.dtype &&
                      written->shape == tensor.shape && written->ByteCount() == tensor.ByteCount(),
                  "a tensor is what it was");
  }
}

// Parses in both modes; the header of the wider one, if it is accepted.
std::optional<SafetensorsHeader> ParseBoth(absl::string_view header, int64_t data_size) {
  std::optional<SafetensorsHeader> accepted;
  for (const SafetensorsMode mode : kModes) {
    auto parsed = SafetensorsHeader::Parse(header, data_size, mode);
    if (!parsed.ok()) {
      CheckRefusal(parsed.status());
      continue;
    }
    CheckHeader(*parsed, data_size, mode);
    if (mode == SafetensorsMode::kFormat) {
      accepted = *std::move(parsed);
    } else {
      KALAVAI_CHECK(accepted.has_value(), "an upload is of the format");
    }
  }
  return accepted;
}

}  // namespace

void FuzzSafetensorsFile(absl::string_view input) {
  const auto size = static_cast<int64_t>(input.size());
  for (const SafetensorsMode mode : kModes) {
    const auto length = SafetensorsHeader::Length(input.substr(0, 8), size, mode);
    if (!length.ok()) {
      CheckRefusal(length.status());
      continue;
    }
    KALAVAI_CHECK(*length >= 0 && *length <= size - 8, "the header lies in the file");
    const absl::string_view data = input.substr(8 + static_cast<size_t>(*length));
    const absl::string_view header = input.substr(8, static_cast<size_t>(*length));
    const auto parsed = ParseBoth(header, static_cast<int64_t>(data.size()));
    if (parsed.has_value()) CheckWriter(*parsed, data);
  }
}

void FuzzSafetensorsHeader(absl::string_view input) {
  if (input.size() < 8) return;
  uint64_t data_size = 0;
  std::memcpy(&data_size, input.data(), 8);
  ParseBoth(input.substr(8), static_cast<int64_t>(data_size & INT64_MAX));
}

}  // namespace kalavai::fuzz

#include "common/safetensors/header.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/safetensors/header_parser.h"

namespace kalavai {
namespace {

constexpr int64_t kUploadAlignment = 8;

absl::Status TensorError(SafetensorsDefect defect, const TensorInfo& tensor,
                         absl::string_view found, absl::string_view allowed) {
  return SafetensorsError(defect, {.tensor = tensor.name, .offset = tensor.header_offset}, found,
                          allowed);
}

std::string ShapeText(const TensorInfo& tensor) {
  return absl::StrCat(DtypeName(tensor.dtype), " [", absl::StrJoin(tensor.shape, ","), "]");
}

// The two rules every reader once got wrong: a checked product, and no shortcut for empty tensors.
absl::Status CheckSize(const TensorInfo& tensor) {
  uint64_t bits = 1;
  bool overflow = false;
  for (const uint64_t dimension : tensor.shape) {
    overflow = overflow || __builtin_mul_overflow(bits, dimension, &bits);
  }
  const auto element = static_cast<uint64_t>(DtypeBits(tensor.dtype));
  overflow = overflow || __builtin_mul_overflow(bits, element, &bits);
  if (overflow) {
    return TensorError(SafetensorsDefect::kSizeOverflow, tensor, ShapeText(tensor),
                       "have a product of at most 2^64-1 bits at every dimension");
  }
  if (bits % 8 != 0) {
    return TensorError(SafetensorsDefect::kPartialByte, tensor,
                       absl::StrCat(ShapeText(tensor), ", ", bits, " bits,"), "be whole bytes");
  }
  if (bits / 8 != static_cast<uint64_t>(tensor.ByteCount())) {
    return TensorError(SafetensorsDefect::kSizeMismatch, tensor,
                       absl::StrCat("data_offsets of ", tensor.ByteCount(), " bytes"),
                       absl::StrCat("span ", bits / 8, ", the size of ", ShapeText(tensor)));
  }
  return absl::OkStatus();
}

absl::Status CheckUpload(const TensorInfo& tensor) {
  const bool plain = std::all_of(tensor.name.begin(), tensor.name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
  if (!plain || tensor.name.empty() ||
      tensor.name.size() > static_cast<size_t>(limits::kSafetensorsUploadNameBytesMax)) {
    return TensorError(SafetensorsDefect::kUploadName, tensor,
                       absl::StrCat("a name of ", tensor.name.size(), " bytes"),
                       absl::StrCat("be [A-Za-z0-9._-]{1,", limits::kSafetensorsUploadNameBytesMax,
                                    "} in an upload"));
  }
  if (tensor.dtype != Dtype::kF32 && tensor.dtype != Dtype::kF16 && tensor.dtype != Dtype::kBF16) {
    return TensorError(SafetensorsDefect::kUploadDtype, tensor,
                       absl::StrCat("dtype ", DtypeName(tensor.dtype)),
                       "be F32, F16 or BF16 in an upload");
  }
  if (tensor.ByteCount() == 0) {
    return TensorError(SafetensorsDefect::kUploadEmptyTensor, tensor, ShapeText(tensor),
                       "have elements in an upload");
  }
  const int64_t element = DtypeBits(tensor.dtype) / 8;
  if (tensor.begin % element != 0) {
    return TensorError(SafetensorsDefect::kUploadAlignment, tensor,
                       absl::StrCat("a begin at byte ", tensor.begin),
                       absl::StrCat("be a multiple of ", element, " in an upload"));
  }
  return absl::OkStatus();
}

absl::Status CheckUpload(size_t header_size, const std::vector<TensorInfo>& tensors) {
  if (header_size % kUploadAlignment != 0) {
    return SafetensorsError(SafetensorsDefect::kUploadAlignment, {},
                            absl::StrCat("a header of ", header_size, " bytes"),
                            "be padded with spaces to a multiple of 8 in an upload");
  }
  if (tensors.empty()) {
    return SafetensorsError(SafetensorsDefect::kUploadNoTensors, {}, "no tensor",
                            "hold one in an upload");
  }
  for (const TensorInfo& tensor : tensors) RETURN_IF_ERROR(CheckUpload(tensor));
  return absl::OkStatus();
}

absl::Status CheckLayout(const std::vector<TensorInfo>& tensors, int64_t data_size) {
  int64_t expected = 0;
  for (const TensorInfo& tensor : tensors) {
    if (tensor.begin != expected || tensor.end < tensor.begin) {
      return TensorError(SafetensorsDefect::kNotContiguous, tensor,
                         absl::StrCat("data_offsets [", tensor.begin, ", ", tensor.end, "]"),
                         absl::StrCat("begin at ", expected,
                                      ", where the tensor before it ends, and end no earlier"));
    }
    expected = tensor.end;
    RETURN_IF_ERROR(CheckSize(tensor));
  }
  if (expected != data_size) {
    return SafetensorsError(SafetensorsDefect::kDataSizeMismatch, {},
                            absl::StrCat("tensors of ", expected, " bytes in all"),
                            absl::StrCat("fill the ", data_size, " bytes after the header"));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<int64_t> TensorShape::Signed() const {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  std::vector<int64_t> sizes;
  for (const uint64_t dimension : dimensions_) {
    sizes.push_back(static_cast<int64_t>(std::min(dimension, kMax)));
  }
  return sizes;
}

absl::StatusOr<int64_t> SafetensorsHeader::Length(absl::string_view prefix, int64_t file_size,
                                                  SafetensorsMode mode) {
  if (file_size < kPrefixBytes || static_cast<int64_t>(prefix.size()) < kPrefixBytes) {
    return SafetensorsError(SafetensorsDefect::kFileTooShort, {},
                            absl::StrCat("a file of ", file_size, " bytes"), "have at least 8");
  }
  uint64_t length = 0;
  for (size_t i = kPrefixBytes; i-- > 0;) {
    length = (length << 8U) | static_cast<unsigned char>(prefix[i]);
  }
  const int64_t limit = mode == SafetensorsMode::kUpload ? limits::kSafetensorsHeaderBytesMax
                                                         : limits::kSafetensorsFormatHeaderBytesMax;
  const std::string found = absl::StrCat("a header of ", length, " bytes");
  if (length > static_cast<uint64_t>(limit)) {
    return SafetensorsError(SafetensorsDefect::kHeaderTooLarge, {}, found,
                            absl::StrCat("have at most ", limit));
  }
  const auto bytes = static_cast<int64_t>(length);
  if (bytes > file_size - kPrefixBytes) {  // never 8 + N > size, which wraps
    return SafetensorsError(SafetensorsDefect::kHeaderPastEnd, {}, found,
                            absl::StrCat("end inside the file, which has ",
                                         file_size - kPrefixBytes, " after its length"));
  }
  return bytes;
}

absl::StatusOr<SafetensorsHeader> SafetensorsHeader::Parse(absl::string_view header,
                                                           int64_t data_size,
                                                           SafetensorsMode mode) {
  const auto valid = static_cast<size_t>(ValidUtf8Prefix(header));
  if (valid != header.size()) {
    return SafetensorsError(SafetensorsDefect::kNotUtf8, {.offset = valid},
                            absl::StrCat("'", Printable(header.substr(valid, 1)), "'"), "be UTF-8");
  }
  ASSIGN_OR_RETURN(UncheckedHeader unchecked, ParseHeaderText(header));
  std::vector<TensorInfo>& tensors = unchecked.tensors;
  std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  RETURN_IF_ERROR(CheckLayout(tensors, data_size));
  if (mode == SafetensorsMode::kUpload) RETURN_IF_ERROR(CheckUpload(header.size(), tensors));
  SafetensorsHeader result;
  result.names_ = std::move(unchecked.names);
  result.dimensions_ = std::move(unchecked.dimensions);
  result.tensors_ = std::move(tensors);
  result.metadata_ = std::move(unchecked.metadata);
  result.data_size_ = data_size;
  result.by_name_.resize(result.tensors_.size());
  std::iota(result.by_name_.begin(), result.by_name_.end(), 0U);
  std::sort(result.by_name_.begin(), result.by_name_.end(), [&](uint32_t a, uint32_t b) {
    return result.tensors_[a].name < result.tensors_[b].name;
  });
  return result;
}

const TensorInfo* SafetensorsHeader::Find(absl::string_view name) const {
  const auto found = std::lower_bound(
      by_name_.begin(), by_name_.end(), name,
      [this](uint32_t index, absl::string_view wanted) { return tensors_[index].name < wanted; });
  return found != by_name_.end() && tensors_[*found].name == name ? &tensors_[*found] : nullptr;
}

}  // namespace kalavai

#include "common/safetensors/header.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/safetensors/header_parser.h"

namespace kalavai {
namespace {

constexpr int64_t kFormatHeaderBytesMax = 100'000'000;  // MAX_HEADER_SIZE of the reference
constexpr size_t kUploadNameMax = 512;
constexpr int64_t kUploadAlignment = 8;

// The two rules every reader once got wrong: a checked product, and no shortcut for empty tensors.
absl::Status CheckSize(const TensorInfo& tensor) {
  int64_t bits = DtypeBits(tensor.dtype);
  int64_t elements = 1;
  for (const int64_t dimension : tensor.shape) {
    if (__builtin_mul_overflow(elements, dimension, &elements)) {
      return SafetensorsError(SafetensorsDefect::kSizeOverflow, "the shape's product overflows",
                              tensor.name);
    }
  }
  if (__builtin_mul_overflow(bits, elements, &bits)) {
    return SafetensorsError(SafetensorsDefect::kSizeOverflow, "shape times dtype overflows",
                            tensor.name);
  }
  if (bits % 8 != 0) {
    return SafetensorsError(SafetensorsDefect::kPartialByte,
                            absl::StrCat(bits, " bits found; must be whole bytes"), tensor.name);
  }
  if (bits / 8 != tensor.ByteCount()) {
    return SafetensorsError(SafetensorsDefect::kSizeMismatch,
                            absl::StrCat("data_offsets span ", tensor.ByteCount(),
                                         " bytes; must equal ", bits / 8, ", shape times dtype"),
                            tensor.name);
  }
  return absl::OkStatus();
}

absl::Status CheckUpload(const TensorInfo& tensor) {
  const bool plain = std::all_of(tensor.name.begin(), tensor.name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
  if (!plain || tensor.name.empty() || tensor.name.size() > kUploadNameMax) {
    return SafetensorsError(SafetensorsDefect::kUploadName, "must be [A-Za-z0-9._-]{1,512}",
                            tensor.name);
  }
  if (tensor.dtype != Dtype::kF32 && tensor.dtype != Dtype::kF16 && tensor.dtype != Dtype::kBF16) {
    return SafetensorsError(
        SafetensorsDefect::kUploadDtype,
        absl::StrCat("dtype ", DtypeName(tensor.dtype), " found; must be F32, F16 or BF16"),
        tensor.name);
  }
  if (tensor.ByteCount() == 0) {
    return SafetensorsError(SafetensorsDefect::kUploadEmptyTensor, "must not be empty",
                            tensor.name);
  }
  const int64_t element = DtypeBits(tensor.dtype) / 8;
  if (tensor.begin % element != 0) {
    return SafetensorsError(
        SafetensorsDefect::kUploadAlignment,
        absl::StrCat("begins at byte ", tensor.begin, "; must be a multiple of ", element),
        tensor.name);
  }
  return absl::OkStatus();
}

absl::Status CheckLayout(const std::vector<TensorInfo>& tensors, int64_t data_size) {
  int64_t expected = 0;
  for (const TensorInfo& tensor : tensors) {
    if (tensor.begin != expected || tensor.end < tensor.begin) {
      return SafetensorsError(
          SafetensorsDefect::kNotContiguous,
          absl::StrCat("data_offsets [", tensor.begin, ", ", tensor.end, "] found; must begin at ",
                       expected, ", where the tensor before it ends, and not be reversed"),
          tensor.name);
    }
    expected = tensor.end;
    RETURN_IF_ERROR(CheckSize(tensor));
  }
  if (expected != data_size) {
    return SafetensorsError(SafetensorsDefect::kDataSizeMismatch,
                            absl::StrCat("the tensors end at byte ", expected,
                                         " of the data; must equal its size, ", data_size));
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view DefectName(SafetensorsDefect defect) {
  switch (defect) {
    case SafetensorsDefect::kNotAFile:
      return "NOT_A_FILE";
    case SafetensorsDefect::kFileTooShort:
      return "FILE_TOO_SHORT";
    case SafetensorsDefect::kHeaderTooLarge:
      return "HEADER_TOO_LARGE";
    case SafetensorsDefect::kHeaderPastEnd:
      return "HEADER_PAST_END";
    case SafetensorsDefect::kNotUtf8:
      return "NOT_UTF8";
    case SafetensorsDefect::kNotAnObject:
      return "NOT_AN_OBJECT";
    case SafetensorsDefect::kSyntax:
      return "SYNTAX";
    case SafetensorsDefect::kBadPadding:
      return "BAD_PADDING";
    case SafetensorsDefect::kDuplicateKey:
      return "DUPLICATE_KEY";
    case SafetensorsDefect::kUnknownField:
      return "UNKNOWN_FIELD";
    case SafetensorsDefect::kMissingField:
      return "MISSING_FIELD";
    case SafetensorsDefect::kUnknownDtype:
      return "UNKNOWN_DTYPE";
    case SafetensorsDefect::kBadInteger:
      return "BAD_INTEGER";
    case SafetensorsDefect::kTooManyDimensions:
      return "TOO_MANY_DIMENSIONS";
    case SafetensorsDefect::kBadOffsets:
      return "BAD_OFFSETS";
    case SafetensorsDefect::kNotContiguous:
      return "NOT_CONTIGUOUS";
    case SafetensorsDefect::kSizeOverflow:
      return "SIZE_OVERFLOW";
    case SafetensorsDefect::kPartialByte:
      return "PARTIAL_BYTE";
    case SafetensorsDefect::kSizeMismatch:
      return "SIZE_MISMATCH";
    case SafetensorsDefect::kDataSizeMismatch:
      return "DATA_SIZE_MISMATCH";
    case SafetensorsDefect::kMetadataTooLarge:
      return "METADATA_TOO_LARGE";
    case SafetensorsDefect::kUploadDtype:
      return "UPLOAD_DTYPE";
    case SafetensorsDefect::kUploadName:
      return "UPLOAD_NAME";
    case SafetensorsDefect::kUploadAlignment:
      return "UPLOAD_ALIGNMENT";
    case SafetensorsDefect::kUploadEmptyTensor:
      return "UPLOAD_EMPTY_TENSOR";
    case SafetensorsDefect::kUploadNoTensors:
      return "UPLOAD_NO_TENSORS";
  }
  return "";
}

absl::StatusOr<int64_t> SafetensorsHeader::Length(absl::string_view prefix, int64_t file_size,
                                                  SafetensorsMode mode) {
  if (file_size < kPrefixBytes || static_cast<int64_t>(prefix.size()) < kPrefixBytes) {
    return SafetensorsError(SafetensorsDefect::kFileTooShort,
                            absl::StrCat(file_size, " bytes found; must be at least 8"));
  }
  uint64_t length = 0;
  for (size_t i = kPrefixBytes; i-- > 0;) {
    length = (length << 8U) | static_cast<unsigned char>(prefix[i]);
  }
  const int64_t limit =
      mode == SafetensorsMode::kUpload ? limits::kSafetensorsHeaderBytesMax : kFormatHeaderBytesMax;
  if (length > static_cast<uint64_t>(limit)) {
    return SafetensorsError(SafetensorsDefect::kHeaderTooLarge,
                            absl::StrCat("header of ", length, " bytes; must be at most ", limit));
  }
  const auto bytes = static_cast<int64_t>(length);
  if (bytes > file_size - kPrefixBytes) {  // never 8 + N > size, which wraps
    return SafetensorsError(
        SafetensorsDefect::kHeaderPastEnd,
        absl::StrCat("header of ", bytes, " bytes in a file of ", file_size, " bytes"));
  }
  return bytes;
}

absl::StatusOr<SafetensorsHeader> SafetensorsHeader::Parse(absl::string_view header,
                                                           int64_t data_size,
                                                           SafetensorsMode mode) {
  const int64_t valid = ValidUtf8Prefix(header);
  if (valid != static_cast<int64_t>(header.size())) {
    return SafetensorsError(SafetensorsDefect::kNotUtf8, "the header must be UTF-8", "",
                            static_cast<size_t>(valid));
  }
  ASSIGN_OR_RETURN(UncheckedHeader unchecked, ParseHeaderText(header));
  std::vector<TensorInfo>& tensors = unchecked.tensors;
  std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  RETURN_IF_ERROR(CheckLayout(tensors, data_size));
  if (mode == SafetensorsMode::kUpload) {
    if (header.size() % kUploadAlignment != 0) {
      return SafetensorsError(
          SafetensorsDefect::kUploadAlignment,
          absl::StrCat("header of ", header.size(), " bytes; must be a multiple of 8"));
    }
    if (tensors.empty()) {
      return SafetensorsError(SafetensorsDefect::kUploadNoTensors, "holds no tensor");
    }
    for (const TensorInfo& tensor : tensors) RETURN_IF_ERROR(CheckUpload(tensor));
  }
  SafetensorsHeader result;
  result.tensors_ = std::move(tensors);
  result.metadata_ = std::move(unchecked.metadata);
  result.data_size_ = data_size;
  result.by_name_.resize(result.tensors_.size());
  std::iota(result.by_name_.begin(), result.by_name_.end(), 0);
  std::sort(result.by_name_.begin(), result.by_name_.end(),
            [&](int32_t a, int32_t b) { return result.At(a).name < result.At(b).name; });
  return result;
}

const TensorInfo* SafetensorsHeader::Find(absl::string_view name) const {
  const auto found = std::lower_bound(
      by_name_.begin(), by_name_.end(), name,
      [this](int32_t index, absl::string_view wanted) { return At(index).name < wanted; });
  return found != by_name_.end() && At(*found).name == name ? &At(*found) : nullptr;
}

}  // namespace kalavai

// The header of a safetensors file, parsed and validated; the only way to a TensorInfo.
//
//   offset 0      8 bytes   N, uint64 little-endian: the header's length
//   offset 8      N bytes   UTF-8 JSON object, may be padded at its end with spaces
//   offset 8+N    the rest  the data; every byte belongs to exactly one tensor
//
// Format: the safetensors README and its reference implementation 0.7/0.8. This parser accepts no
// file the reference refuses. It refuses on purpose what the reference tolerates and no writer
// writes: duplicate names at any level (compared after unescaping), unknown fields, white space
// around the object other than trailing spaces, more than 8 dimensions.
//
// Errors: INVALID_ARGUMENT, reason SAFETENSORS_INVALID; metadata `defect` (DefectName), `offset`
// (byte in the header, where there is one) and `tensor`. Pure functions; no allocation exceeds a
// small multiple of the header's length.
#ifndef KALAVAI_COMMON_SAFETENSORS_HEADER_H_
#define KALAVAI_COMMON_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/safetensors/dtype.h"

namespace kalavai {

// kFormat: what the format allows. kUpload: moreover what we accept from a peer: dtypes F32, F16,
// BF16; names [A-Za-z0-9._-]{1,512}; header at most limits::kSafetensorsHeaderBytesMax and a
// multiple of 8 bytes; every tensor aligned to its element and not empty.
enum class SafetensorsMode { kFormat, kUpload };

enum class SafetensorsDefect {
  kNotAFile,           // SafetensorsFile only: not a regular file
  kFileTooShort,       // fewer than 8 bytes
  kHeaderTooLarge,     // above the limit of the mode
  kHeaderPastEnd,      // the header would end after the file
  kNotUtf8,            //
  kNotAnObject,        // the header does not begin with '{'
  kSyntax,             // not JSON, or not of the one shape the format knows
  kBadPadding,         // something else than spaces after the object
  kDuplicateKey,       // a tensor, a field or a metadata key occurs twice
  kUnknownField,       // a field other than dtype, shape, data_offsets
  kMissingField,       //
  kUnknownDtype,       //
  kBadInteger,         // sign, fraction, exponent, leading zero, or above 2^63-1
  kTooManyDimensions,  // more than 8
  kBadOffsets,         // data_offsets is not a pair
  kNotContiguous,      // a hole, an overlap, or reversed offsets
  kSizeOverflow,       // shape × dtype exceeds 2^63-1 bits
  kPartialByte,        // a 4 or 6 bit tensor does not end on a byte
  kSizeMismatch,       // shape × dtype differs from data_offsets
  kDataSizeMismatch,   // the last tensor does not end where the file ends
  kMetadataTooLarge,   // above 1024 entries or 1 MiB
  kUploadDtype,        // kUpload only, as are the next four
  kUploadName,         //
  kUploadAlignment,    //
  kUploadEmptyTensor,  //
  kUploadNoTensors,    //
};

absl::string_view DefectName(SafetensorsDefect defect);  // UPPER_SNAKE: "DUPLICATE_KEY"

struct TensorInfo {
  std::string name;  // any string in kFormat: never a path, never printed unescaped
  Dtype dtype = Dtype::kF32;
  std::vector<int64_t> shape;  // row-major; empty: a scalar
  int64_t begin = 0;           // bytes from the start of the data
  int64_t end = 0;

  int64_t ByteCount() const { return end - begin; }
  // The product of the shape; 1 for a scalar.
  int64_t ElementCount() const { return ByteCount() * 8 / DtypeBits(dtype); }
};

class SafetensorsHeader {
 public:
  static constexpr int64_t kPrefixBytes = 8;

  // Returns N of the first eight bytes of a file of `file_size` bytes (fewer, when the file is
  // shorter). Checked before a byte of the header is read.
  static absl::StatusOr<int64_t> Length(absl::string_view prefix, int64_t file_size,
                                        SafetensorsMode mode);

  // Parses the N bytes of the header of a file with `data_size` bytes of data after it (from
  // fstat, never from a peer).
  static absl::StatusOr<SafetensorsHeader> Parse(absl::string_view header, int64_t data_size,
                                                 SafetensorsMode mode);

  // Sorted by begin, then end, then name.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  // No meaning is taken from it.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // Returns nullptr when there is none; the pointer lives as long as this header stays in place.
  const TensorInfo* Find(absl::string_view name) const;
  int64_t data_size() const { return data_size_; }

 private:
  SafetensorsHeader() = default;
  const TensorInfo& At(int32_t index) const { return tensors_[static_cast<size_t>(index)]; }

  std::vector<TensorInfo> tensors_;
  std::vector<int32_t> by_name_;  // indices into tensors_, sorted by name
  std::map<std::string, std::string> metadata_;
  int64_t data_size_ = 0;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_SAFETENSORS_HEADER_H_

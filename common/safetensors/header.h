// The header of a safetensors file, parsed and validated; the only way to a TensorInfo.
//
//   offset 0      8 bytes   N, uint64 little-endian: the header's length
//   offset 8      N bytes   UTF-8 JSON object, may be padded at its end with spaces
//   offset 8+N    the rest  the data; every byte belongs to exactly one tensor
//
// Format: the safetensors README and its reference implementation 0.7/0.8. This parser accepts no
// file the reference refuses. It refuses on purpose what the reference tolerates and no writer
// writes: duplicate names at any level (compared after unescaping), unknown fields, white space
// around the object other than trailing spaces, `"__metadata__": null`, metadata above 1024 entries
// or 1 MiB, more than 8 dimensions, names above 64 KiB.
//
// Errors: those of defect.h. Pure functions. Memory: whatever the text, parsing allocates less than
// five times the header's length (plus its metadata, at most 1024 entries): one arena each for
// names and dimensions, one record of 64 bytes a tensor, one hash table while it lasts.
#ifndef KALAVAI_COMMON_SAFETENSORS_HEADER_H_
#define KALAVAI_COMMON_SAFETENSORS_HEADER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/safetensors/defect.h"  // IWYU pragma: export
#include "common/safetensors/dtype.h"

namespace kalavai {

// kFormat: what the format allows. kUpload: moreover what we accept from a peer: dtypes F32, F16,
// BF16; names [A-Za-z0-9._-]{1,512}; header at most limits::kSafetensorsHeaderBytesMax and a
// multiple of 8 bytes; at least one tensor; every tensor aligned to its element and not empty.
enum class SafetensorsMode { kFormat, kUpload };

// A tensor's dimensions, row-major; none: a scalar. A view into its header.
//
// Unsigned, as in the format: a tensor without elements may have a dimension above 2^63-1, and only
// in kFormat.
class TensorShape {
 public:
  TensorShape() = default;
  explicit TensorShape(std::span<const uint64_t> dimensions) : dimensions_(dimensions) {}

  size_t size() const { return dimensions_.size(); }
  bool empty() const { return dimensions_.empty(); }
  uint64_t operator[](size_t index) const { return dimensions_[index]; }
  auto begin() const { return dimensions_.begin(); }
  auto end() const { return dimensions_.end(); }

  // For LibTorch and our own arrays. A dimension above 2^63-1 becomes 2^63-1; there are no
  // elements then.
  std::vector<int64_t> Signed() const;

  friend bool operator==(const TensorShape& a, const TensorShape& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }
  friend bool operator==(const TensorShape& a, const std::vector<int64_t>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](uint64_t x, int64_t y) { return std::cmp_equal(x, y); });
  }

 private:
  std::span<const uint64_t> dimensions_;
};

// One tensor of a validated header; its name and shape are views into that header.
struct TensorInfo {
  absl::string_view name;  // any string in kFormat: never a path, never printed unescaped
  TensorShape shape;
  int64_t begin = 0;  // bytes from the start of the data
  int64_t end = 0;
  Dtype dtype = Dtype::kF32;
  uint32_t header_offset = 0;  // of its name in the header, for messages

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

  SafetensorsHeader(SafetensorsHeader&&) noexcept = default;
  SafetensorsHeader& operator=(SafetensorsHeader&&) noexcept = default;

  // Parses the N bytes of the header of a file with `data_size` bytes of data after it (from
  // fstat, never from a peer).
  static absl::StatusOr<SafetensorsHeader> Parse(absl::string_view header, int64_t data_size,
                                                 SafetensorsMode mode);

  // Sorted by begin, then end, then name.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  // No meaning is taken from it.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // Returns nullptr when there is none. Pointers and views live as long as this header, also after
  // it is moved.
  const TensorInfo* Find(absl::string_view name) const;
  int64_t data_size() const { return data_size_; }

 private:
  SafetensorsHeader() = default;

  std::unique_ptr<char[]> names_;     // what TensorInfo::name points into
  std::vector<uint64_t> dimensions_;  // what TensorInfo::shape points into
  std::vector<TensorInfo> tensors_;
  std::vector<uint32_t> by_name_;  // indices into tensors_, sorted by name
  std::map<std::string, std::string> metadata_;
  int64_t data_size_ = 0;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_SAFETENSORS_HEADER_H_

// Writes safetensors files byte for byte as the reference writer does: tensors by dtype
// (descending in the order of Dtype), then by name; compact JSON with `__metadata__`
// {"format":"pt"} first; header padded with spaces to a multiple of 8. Pure in its inputs: equal
// tensors give equal bytes.
#ifndef KALAVAI_COMMON_SAFETENSORS_WRITER_H_
#define KALAVAI_COMMON_SAFETENSORS_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/safetensors/header.h"

namespace kalavai {

// A tensor in memory the caller keeps alive: little-endian, row-major, without gaps.
struct TensorView {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

// Sorts `tensors` into the order of the file and returns the file's first bytes: length and
// header. Errors: INVALID_ARGUMENT, SAFETENSORS_INVALID, for whatever SafetensorsHeader::Parse
// would refuse in kFormat (two tensors of one name, a shape that does not fit the bytes, …).
absl::StatusOr<std::string> BuildSafetensorsHeader(std::vector<TensorView>& tensors);

// Writes the file atomically (temporary file, fsync, rename): a reader sees the old file or the
// new one. Errors: those above; IO_ERROR, DISK_FULL.
absl::Status WriteSafetensors(const std::string& path, std::vector<TensorView> tensors);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_SAFETENSORS_WRITER_H_

// The element types of the safetensors format, as of its reference implementation 0.8.
#ifndef KALAVAI_COMMON_SAFETENSORS_DTYPE_H_
#define KALAVAI_COMMON_SAFETENSORS_DTYPE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace kalavai {

// In the reference's order: the writer sorts tensors by it, descending.
enum class Dtype {
  kBool,
  kF4,
  kF6E2M3,
  kF6E3M2,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kF8E4M3Fnuz,
  kF8E5M2Fnuz,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64,
};

absl::string_view DtypeName(Dtype dtype);  // as in the file: "BF16"
int64_t DtypeBits(Dtype dtype);            // of one element; 4 and 6 occur
// Returns nullopt for an unknown name; names are case-sensitive.
std::optional<Dtype> DtypeOfName(absl::string_view name);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_SAFETENSORS_DTYPE_H_

// Looks at the bytes of a specialist's weights beside the base's, without LibTorch: same tensors,
// frozen ones bit-equal, finite, near the base, and one digest of their content.
//
//   ASSIGN_OR_RETURN(const WeightSet base, WeightSet::Open({base_path}, SafetensorsMode::kFormat));
//   ASSIGN_OR_RETURN(const WeightSet own, WeightSet::Open({path}, SafetensorsMode::kUpload));
//   RETURN_IF_ERROR(CompareShapes(own, base));
//
// Files are mapped read-only and must be immutable (blobs are). Values are read as little-endian
// F32, F16 or BF16; sums are in double. Errors name the tensor. Pure; any thread.
#ifndef KALAVAI_COORDINATOR_SUBMISSION_WEIGHT_INSPECTOR_H_
#define KALAVAI_COORDINATOR_SUBMISSION_WEIGHT_INSPECTOR_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/sha256.h"
#include "common/safetensors/header.h"
#include "common/safetensors/reader.h"

namespace kalavai::coordinator {

// A matrix of at least this many elements must have this cosine with the base's. Independent
// trainings give about 0, ordinary fine-tuning above 0.99; tiny bases trained hard go lower, and
// vectors (biases, norms) start so near a constant that their direction says nothing.
inline constexpr double kLineageCosineMin = 0.5;
inline constexpr int64_t kLineageElementsMin = 1024;

// All tensors of one model, from one file or from shards. Movable.
class WeightSet {
 public:
  struct Tensor {
    const SafetensorsFile* file = nullptr;
    const TensorInfo* info = nullptr;
    std::span<const std::byte> Bytes() const { return file->Bytes(*info); }
  };

  // Errors of SafetensorsFile::Open; SAFETENSORS_INVALID when two files hold a tensor of one name.
  static absl::StatusOr<WeightSet> Open(const std::vector<std::string>& locations,
                                        SafetensorsMode mode);

  // By name.
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }

 private:
  std::vector<SafetensorsFile> files_;
  std::map<std::string, Tensor> tensors_;
};

// INVALID_ARGUMENT WEIGHTS_INVALID (metadata "tensor"): a tensor of the base is missing, one is
// extra, or shape or dtype differ.
absl::Status CompareShapes(const WeightSet& own, const WeightSet& base);

// FAILED_PRECONDITION BASE_MISMATCH (metadata "tensor"): a frozen tensor differs in some bit.
// Both sets have passed CompareShapes.
absl::Status CompareFrozen(const WeightSet& own, const WeightSet& base, int64_t freeze_depth);

// INVALID_ARGUMENT WEIGHTS_NOT_FINITE (metadata "tensor", "index").
absl::Status CheckFinite(const WeightSet& own);

// FAILED_PRECONDITION BASE_MISMATCH (metadata "tensor", "cosine"): a large matrix is not near the
// base's, so the model was not fine-tuned from it. Both sets have passed CompareShapes.
absl::Status CheckLineage(const WeightSet& own, const WeightSet& base);

// SHA-256 over name, dtype, shape and bytes of each tensor that `reference` has too, by name: equal
// for equal weights, whatever the files' headers, order and shards.
Digest WeightsDigest(const WeightSet& weights, const WeightSet& reference);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SUBMISSION_WEIGHT_INSPECTOR_H_

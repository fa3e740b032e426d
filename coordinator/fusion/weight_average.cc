#include "coordinator/fusion/weight_average.h"

#include <filesystem>
#include <system_error>

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/model/weights.h"
#include "common/storage/atomic_file.h"

namespace kalavai::coordinator {

absl::Status WriteWeightAverage(const std::vector<std::string>& model_directories,
                                const std::string& directory) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  if (error) return ErrnoError(error.value(), "remove", directory);
  RETURN_IF_ERROR(EnsureDirectory(directory, 0700));
  ASSIGN_OR_RETURN(const Transformer average, WeightAverage(model_directories));
  return SaveTransformer(average, directory, WeightType::kFloat32);
}

Digest WeightAverageKey(std::span<const Digest> root_digests) {
  Sha256 hash;
  hash.Update("weight-average");
  for (const Digest& digest : root_digests) hash.Update(digest.bytes());
  return hash.Finish();
}

}  // namespace kalavai::coordinator

// A finished fusion as a released model: a signed directory of four files
// (docs/formats/fused_model.md)
//
//   model.json          experts by the root digest of what was signed, router, report and charter
//   by
//                       digest
//   router.safetensors
//   report.json
//   README.md           model card
//   model.sig           OMS, signed by the coordinator
//
// The specialists' weights stay where their submissions are; the model names them by digest. The
// directory holds no time, no name of the fusion and no name of the model: equal inputs and seed
// give the same root digest, which is the model's identity. Written beside its place and renamed.
// Errors: FAILED_PRECONDITION FUSION_NOT_SUCCEEDED, GUARD_NOT_MET; DATA_LOSS DIGEST_MISMATCH when
// the fusion's router file is not the one of its report; JSON_INVALID; those of the file system and
// SignDirectory. Any thread, one at a time for a directory.
#ifndef KALAVAI_COORDINATOR_FUSION_MODEL_RELEASE_H_
#define KALAVAI_COORDINATOR_FUSION_MODEL_RELEASE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/crypto/sha256.h"
#include "common/crypto/signing_key.h"
#include "coordinator/fusion/fusion_store.h"

namespace kalavai::coordinator {

struct ReleasedFile {
  std::string path;
  int64_t size_bytes = 0;
  Digest sha256;
};

struct ReleasedModel {
  std::string name;         // cooperatives/{c}/models/{m}
  std::string cooperative;  // cooperatives/{c}
  std::string fusion;
  Mixture mixture = Mixture::kProbability;
  std::string directory;
  std::string acknowledged_reason;
  Digest root_digest;
  std::string signature;              // the bundle
  std::vector<FusionExpert> experts;  // the base first
  std::vector<ReleasedFile> files;    // by name, without model.sig
  absl::Time release_time;
};

// OK when the fusion may be released: it succeeded, and its guard is met or a reason acknowledged.
absl::Status CheckReleasable(const FusionRecord& fusion, absl::string_view acknowledged_reason);

// The bytes of model.json and README.md. Pure.
absl::StatusOr<std::string> ModelJson(const FusionRecord& fusion,
                                      absl::string_view acknowledged_reason);
std::string ModelCard(const FusionRecord& fusion, absl::string_view acknowledged_reason);

struct ReleaseOptions {
  std::string name;         // of the model
  std::string directory;    // where InstallRelease puts it; replaced when it exists
  std::string router_path;  // FusionWorker::RouterPath
  std::string acknowledged_reason;
  absl::Time now;
};
// Writes and signs the directory beside its place.
absl::StatusOr<ReleasedModel> WriteRelease(const FusionRecord& fusion, const SigningKey& key,
                                           const ReleaseOptions& options);
// Moves it to its place: the last step of the release's transaction.
absl::Status InstallRelease(const ReleasedModel& released);
// Removes what WriteRelease wrote and InstallRelease did not move.
absl::Status RemoveUninstalled(const std::string& directory);

// Whether a model of this name is on record.
using ModelOnRecord = std::function<absl::StatusOr<bool>(const std::string& model)>;
// Directories of MODELS/{cooperative}/ that belong to no model on record: what a release that
// failed or was killed left, finished or not. It may hold the router of a member that has left.
// Paths, sorted.
absl::StatusOr<std::vector<std::string>> ListStrayReleases(const std::string& models_directory,
                                                           const ModelOnRecord& on_record);
absl::Status RemoveStrayReleases(const std::string& models_directory,
                                 const ModelOnRecord& on_record);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_MODEL_RELEASE_H_

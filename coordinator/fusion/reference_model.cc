#include "coordinator/fusion/reference_model.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/model_signature.h"
#include "common/model/model_config.h"
#include "common/model/name_table.h"
#include "common/safetensors/checkpoint_directory.h"
#include "common/safetensors/reader.h"
#include "common/storage/atomic_file.h"

namespace kalavai::coordinator {
namespace {

constexpr size_t kLabelLengthMax = 63;

absl::Status FieldInvalid(std::string what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                   {.what = absl::StrCat("reference_models: ", what),
                    .fix = "pass --reference LABEL=DIRECTORY, as in monolithic=/models/pooled",
                    .metadata = {{"field", "reference_models"}}});
}

absl::Status Mismatch(const ReferenceModel& reference, absl::string_view file, std::string what) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "REFERENCE_MODEL_MISMATCH",
      {.what = absl::StrCat("reference model ", reference.label, ": ", file, ": ", what),
       .why = "losses compare only between models that read text alike, from the "
              "bytes the report names",
       .fix = "train it with 'kalavai-coordinator base pretrain --from' the base",
       .metadata = {{"label", reference.label}, {"file", std::string(file)}}});
}

bool IsLabel(absl::string_view label) {
  const auto lower = [](char letter) { return letter >= 'a' && letter <= 'z'; };
  const auto digit = [](char letter) { return letter >= '0' && letter <= '9'; };
  return !label.empty() && label.size() <= kLabelLengthMax && lower(label[0]) &&
         std::all_of(label.begin(), label.end(),
                     [&](char letter) { return lower(letter) || digit(letter) || letter == '-'; });
}

absl::Status CheckLabels(const std::vector<ReferenceModel>& wished) {
  if (wished.size() > limits::kReferenceModelsMax) {
    return FieldInvalid(
        absl::StrCat(wished.size(), " found; must be at most ", limits::kReferenceModelsMax));
  }
  std::set<std::string> seen;
  for (const ReferenceModel& reference : wished) {
    if (!IsLabel(reference.label)) {
      return FieldInvalid(absl::StrCat("label '", reference.label,
                                       "' found; must be [a-z][a-z0-9-]*, at most ",
                                       kLabelLengthMax, " characters"));
    }
    if (!seen.insert(reference.label).second) {
      return FieldInvalid(absl::StrCat("label '", reference.label, "' stands twice"));
    }
  }
  return absl::OkStatus();
}

// What the base's weights hold, by name; buffers left out.
absl::StatusOr<std::map<std::string, std::vector<int64_t>>> BaseShapes(const BlobStore& blobs,
                                                                       const CheckpointRow& base) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const CheckpointFileRow& row : base.files) {
    if (!absl::EndsWith(row.path, ".safetensors")) continue;
    ASSIGN_OR_RETURN(const SafetensorsFile file,
                     SafetensorsFile::Open(blobs.Path(row.digest), SafetensorsMode::kFormat));
    for (const TensorInfo& tensor : file.header().tensors()) {
      if (!IsComputedBuffer(tensor.name)) shapes[std::string(tensor.name)] = tensor.shape.Signed();
    }
  }
  return shapes;
}

absl::Status CheckTensors(const ReferenceModel& reference, const CheckpointDirectory& directory,
                          const std::map<std::string, std::vector<int64_t>>& of_base) {
  for (const CheckpointTensor& tensor : directory.tensors()) {
    if (IsComputedBuffer(tensor.name())) continue;
    const auto found = of_base.find(std::string(tensor.name()));
    if (found == of_base.end()) {
      return Mismatch(reference, tensor.name(), "the base has no such tensor");
    }
    if (!(tensor.info->shape == found->second)) {
      return Mismatch(reference, tensor.name(), "its shape differs from the base's");
    }
  }
  for (const auto& [name, shape] : of_base) {
    if (directory.Find(name) == nullptr) {
      return Mismatch(reference, name, "missing; the base has this tensor");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Digest> DirectoryRootDigest(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListCheckpointFiles(directory));
  std::vector<Resource> resources;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const Digest digest, Sha256OfFile(absl::StrCat(directory, "/", name)));
    resources.push_back({.name = name, .digest = digest});
  }
  return RootDigest(resources);
}

absl::Status CheckLikeBase(const ReferenceModel& reference, const BlobStore& blobs,
                           const CheckpointRow& base) {
  ASSIGN_OR_RETURN(const CheckpointDirectory directory,
                   CheckpointDirectory::Open(reference.directory, {}));
  const CheckpointFileRow* const config_row = base.Find("config.json");
  const CheckpointFileRow* const tokenizer_row = base.Find("tokenizer.json");
  if (config_row == nullptr || tokenizer_row == nullptr) {
    return absl::DataLossError("the base was imported without its configuration");
  }
  ASSIGN_OR_RETURN(const std::string base_json,
                   ReadFileBounded(blobs.Path(config_row->digest), limits::kJsonBytesMax));
  ASSIGN_OR_RETURN(const ModelConfig base_config, ModelConfig::FromJson(base_json));
  ASSIGN_OR_RETURN(ModelConfig config, ModelConfig::FromJson(directory.config_json()));
  config.weight_type = base_config.weight_type;
  if (config != base_config) {
    return Mismatch(reference, "config.json", "it differs from the base's");
  }
  if (directory.tokenizer_path().empty()) {
    return Mismatch(reference, "tokenizer.json", "not found; must be there");
  }
  ASSIGN_OR_RETURN(const Digest tokenizer, Sha256OfFile(directory.tokenizer_path()));
  if (tokenizer != tokenizer_row->digest) {
    return Mismatch(reference, "tokenizer.json", "it differs from the base's");
  }
  ASSIGN_OR_RETURN(const auto shapes, BaseShapes(blobs, base));
  return CheckTensors(reference, directory, shapes);
}

}  // namespace

absl::StatusOr<std::vector<ReferenceModel>> CheckReferenceModels(
    const BlobStore& blobs, const CheckpointRow& base, std::vector<ReferenceModel> wished) {
  RETURN_IF_ERROR(CheckLabels(wished));
  for (ReferenceModel& reference : wished) {
    if (!absl::StartsWith(reference.directory, "/")) {
      return FieldInvalid(absl::StrCat("directory \"", reference.directory,
                                       "\" found; must be an absolute path on the coordinator's "
                                       "machine"));
    }
    RETURN_IF_ERROR(CheckLikeBase(reference, blobs, base));
    ASSIGN_OR_RETURN(reference.root_digest, DirectoryRootDigest(reference.directory));
  }
  return wished;
}

absl::Status CheckUnchanged(const ReferenceModel& reference) {
  ASSIGN_OR_RETURN(const Digest now, DirectoryRootDigest(reference.directory));
  if (now == reference.root_digest) return absl::OkStatus();
  return Mismatch(reference, reference.directory,
                  absl::StrCat("root digest ", now.Hex(), " found; must be ",
                               reference.root_digest.Hex(), " as when the fusion was created"));
}

}  // namespace kalavai::coordinator

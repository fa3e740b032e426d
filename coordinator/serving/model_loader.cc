#include "coordinator/serving/model_loader.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/crypto/model_signature.h"
#include "common/rpc/resource_name.h"
#include "coordinator/fusion/fusion_store.h"
#include "coordinator/router_safetensors.h"

namespace kalavai::coordinator {

absl::Status ModelLoader::LoadAll() {
  // Links that a killed server left.
  std::error_code ignored;
  std::filesystem::remove_all(dependencies_.scratch_directory, ignored);
  ASSIGN_OR_RETURN(const std::vector<ModelRecord> models, dependencies_.models.ListServed());
  for (const ModelRecord& model : models) Activate(model.name);
  return absl::OkStatus();
}

absl::Status ModelLoader::Publish(const ModelRecord& released) {
  return dependencies_.models.Create(released);
}

absl::StatusOr<ModelRecord> ModelLoader::Rollback(
    absl::string_view cooperative, absl::string_view model,
    const std::function<absl::Status(const ModelRecord&)>& record) {
  ModelRecord chosen;
  bool served = false;
  const absl::Status changed = dependencies_.database.Transact([&]() -> absl::Status {
    if (model.empty()) {
      ASSIGN_OR_RETURN(chosen, dependencies_.models.GetEarlier(cooperative));
    } else {
      ASSIGN_OR_RETURN(chosen, dependencies_.models.Get(model));
    }
    ASSIGN_OR_RETURN(const bool withdrawn, dependencies_.models.HasWithdrawn(chosen.name));
    if (withdrawn) return HasWithdrawnMember(chosen.name);
    ASSIGN_OR_RETURN(const int64_t latest, dependencies_.models.LatestTurn(cooperative));
    served = chosen.turn == latest;
    if (served) return absl::OkStatus();
    RETURN_IF_ERROR(dependencies_.models.TakeTurn(chosen.name));
    RETURN_IF_ERROR(record(chosen));
    ASSIGN_OR_RETURN(chosen, dependencies_.models.Get(chosen.name));
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(changed);
  if (!served) Activate(chosen.name);
  return chosen;
}

void ModelLoader::Activate(const std::string& model) {
  const absl::StatusOr<ModelRecord> record = dependencies_.models.Get(model);
  const absl::Status status = record.ok() ? Queue(*record) : record.status();
  if (status.ok()) return;
  if (record.ok()) {
    Loaded(*record, status);
  } else {
    LogError("Could not load model", {{"model", model}, {"error", status.ToString()}});
  }
}

absl::Status ModelLoader::Queue(const ModelRecord& model) {
  const std::vector<uint8_t> allowed = dependencies_.mask.Allowed(model.experts);
  absl::StatusOr<EngineModel> prepared = Prepare(model, allowed);
  const auto loaded = [this, model, allowed](const absl::Status& status) {
    // A member left while its weights were read: again, without it.
    const bool changed = !status.ok() && dependencies_.mask.Allowed(model.experts) != allowed;
    if (!changed || !Queue(model).ok()) Loaded(model, status);
  };
  if (prepared.ok()) return dependencies_.engine.Load(*std::move(prepared), loaded);
  if (dependencies_.mask.Allowed(model.experts) != allowed) return Queue(model);
  return prepared.status();
}

absl::StatusOr<std::string> ModelLoader::LinksOf(const ModelRecord& model, size_t expert) const {
  ASSIGN_OR_RETURN(const ChildName name, ParseModelName(model.name));
  return absl::StrCat(dependencies_.scratch_directory, "/", name.cooperative, "-", name.id, "-",
                      expert);
}

absl::Status ModelLoader::RemoveMaskedLinks(const std::vector<ModelRecord>& models) const {
  for (const ModelRecord& model : models) {
    const std::vector<uint8_t> allowed = dependencies_.mask.Allowed(model.experts);
    for (size_t i = 0; i < allowed.size(); ++i) {
      if (allowed[i] != 0) continue;
      ASSIGN_OR_RETURN(const std::string links, LinksOf(model, i));
      std::error_code error;
      std::filesystem::remove_all(links, error);
      if (error) return ErrnoError(error.value(), "remove", links);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<EngineModel> ModelLoader::Prepare(const ModelRecord& model,
                                                 const std::vector<uint8_t>& allowed) {
  ASSIGN_OR_RETURN(const ChildName name, ParseModelName(model.name));
  const std::string release =
      absl::StrCat(dependencies_.models_directory, "/", name.cooperative, "/", name.id);
  ASSIGN_OR_RETURN(const ModelManifest manifest, VerifyDirectory(release, dependencies_.key));
  if (manifest.root_digest != model.root_digest) {
    return MakeError(absl::StatusCode::kDataLoss, "DIGEST_MISMATCH",
                     {.what = absl::StrCat(release, ": root digest ", manifest.root_digest.Hex(),
                                           " found; must be ", model.root_digest.Hex())});
  }
  EngineModel prepared{.name = model.name, .expert_directories = {}, .router = {}};
  ASSIGN_OR_RETURN(prepared.router, ReadRouter(absl::StrCat(release, "/", kRouterFile)));
  for (size_t i = 0; i < model.experts.size(); ++i) {
    if (allowed[i] == 0) {
      prepared.expert_directories.push_back(prepared.expert_directories.front());
      continue;
    }
    ASSIGN_OR_RETURN(const std::vector<BlobFile> files, FilesOf(model, i));
    ASSIGN_OR_RETURN(prepared.expert_directories.emplace_back(), LinksOf(model, i));
    RETURN_IF_ERROR(
        MaterialiseCheckpoint(dependencies_.blobs, files, prepared.expert_directories.back()));
  }
  return prepared;
}

absl::StatusOr<std::vector<BlobFile>> ModelLoader::FilesOf(const ModelRecord& model,
                                                           size_t expert) {
  std::vector<BlobFile> files;
  const ModelExpertRecord& record = model.experts[expert];
  std::optional<Digest> root;
  if (record.submission.empty()) {
    ASSIGN_OR_RETURN(const std::string cooperative, ParseCooperativeName(model.cooperative));
    ASSIGN_OR_RETURN(const CheckpointRow base, dependencies_.checkpoints.GetBase(cooperative));
    for (const CheckpointFileRow& file : base.files) files.push_back({file.path, file.digest});
    root = base.root_digest;
  } else {
    ASSIGN_OR_RETURN(const SubmissionRecord submission,
                     dependencies_.submissions.Get(record.submission));
    for (const SubmissionFile& file : submission.files) {
      if (IsModelFile(file.path)) files.push_back({file.path, file.digest});
    }
    root = submission.root_digest;
  }
  if (root != record.root_digest) {
    return MakeError(
        absl::StatusCode::kDataLoss, "DIGEST_MISMATCH",
        {.what = absl::StrCat(model.name, ": expert ", expert, " is no longer what was released")});
  }
  return files;
}

void ModelLoader::Loaded(const ModelRecord& model, const absl::Status& status) {
  // The weights are in memory now, or will not be: the links are of no more use.
  for (size_t i = 0; i < model.experts.size(); ++i) {
    std::error_code ignored;
    if (const auto links = LinksOf(model, i); links.ok()) {
      std::filesystem::remove_all(*links, ignored);
    }
  }
  const absl::StatusOr<ModelRecord> now = dependencies_.models.Get(model.name);
  if (now.ok() && now->state == ModelState::kRetired) {
    static_cast<void>(dependencies_.engine.Unload(model.name).ok());
    return;
  }
  const absl::Status saved =
      status.ok() ? dependencies_.models.SetState(model.name, ModelState::kActive, "")
                  : dependencies_.models.SetState(
                        model.name, ModelState::kLoading,
                        absl::StrCat(GetErrorReason(status), ": ", status.message()));
  if (!status.ok() || !saved.ok()) {
    LogError("Could not load model",
             {{"model", model.name}, {"error", (status.ok() ? saved : status).ToString()}});
    return;
  }
  LogInfo("Loaded model", {{"model", model.name}, {"digest", model.root_digest.Hex()}});
  if (const absl::Status retired =
          now.ok() ? dependencies_.models.RetireEarlier(*now) : now.status();
      !retired.ok()) {
    LogError("Could not retire earlier models",
             {{"model", model.name}, {"error", retired.ToString()}});
  }
  const absl::StatusOr<std::vector<ModelRecord>> others =
      dependencies_.models.List(model.cooperative, "", 500);
  if (!others.ok()) return;
  for (const ModelRecord& other : *others) {
    if (other.state != ModelState::kRetired || !dependencies_.engine.IsReady(other.name)) continue;
    static_cast<void>(dependencies_.engine.Unload(other.name).ok());
  }
  if (dependencies_.on_retired) dependencies_.on_retired();
}

}  // namespace kalavai::coordinator

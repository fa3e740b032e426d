#include "coordinator/fusion/model_release.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/model_signature.h"
#include "common/rpc/message_limits.h"
#include "common/rpc/resource_name.h"
#include "common/storage/atomic_file.h"
#include "coordinator/router_safetensors.h"

namespace kalavai::coordinator {
namespace {

// Where a release is written before it is installed.
std::string StagingOf(const std::string& directory) { return absl::StrCat(directory, ".partial"); }

absl::Status RemoveTree(const std::string& directory) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  return error ? ErrnoError(error.value(), "remove", directory) : absl::OkStatus();
}

absl::Status WriteFiles(const FusionRecord& fusion, const ReleaseOptions& options,
                        const std::string& directory) {
  ASSIGN_OR_RETURN(const std::string model, ModelJson(fusion, options.acknowledged_reason));
  ASSIGN_OR_RETURN(const std::string router,
                   ReadFileBounded(options.router_path, limits::kRouterBytesMax));
  if (Sha256Of(router) != fusion.figures->router_digest) {
    return MakeError(absl::StatusCode::kDataLoss, "DIGEST_MISMATCH",
                     {.what = absl::StrCat(options.router_path, ": is not the router of ",
                                           fusion.name, "; must be"),
                      .fix = "fuse again"});
  }
  RETURN_IF_ERROR(EnsureDirectory(directory, 0755));
  RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(directory, "/model.json"), model));
  RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(directory, "/", kRouterFile), router));
  RETURN_IF_ERROR(
      WriteFileAtomically(absl::StrCat(directory, "/report.json"), fusion.figures->report_json));
  return WriteFileAtomically(absl::StrCat(directory, "/README.md"),
                             ModelCard(fusion, options.acknowledged_reason));
}

}  // namespace

absl::Status CheckReleasable(const FusionRecord& fusion, absl::string_view acknowledged_reason) {
  if (fusion.state != FusionState::kSucceeded) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "FUSION_NOT_SUCCEEDED",
                     {.what = absl::StrCat(fusion.name, ": is ", FusionStateName(fusion.state),
                                           "; must be SUCCEEDED"),
                      .fix = "wait for it, or look at its failure and fuse again",
                      .metadata = {{"state", std::string(FusionStateName(fusion.state))}}});
  }
  if (fusion.figures->guard_met || !acknowledged_reason.empty()) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "GUARD_NOT_MET",
                   {.what = absl::StrCat(fusion.name,
                                         ": worse than the better of base and best specialist by "
                                         "more than 0.5 % on some domain"),
                    .why = "nobody should get a model that is worse than what they could have",
                    .fix = "look at the report; release with --acknowledge REASON if it is right"});
}

absl::StatusOr<std::string> ModelJson(const FusionRecord& fusion,
                                      absl::string_view acknowledged_reason) {
  ASSIGN_OR_RETURN(const nlohmann::json report,
                   ReadJson(fusion.figures->report_json, {.bytes_max = kReportBytesMax}));
  if (!report.is_object() || !report.contains("inputs")) {
    return MakeError(absl::StatusCode::kInvalidArgument, "JSON_INVALID",
                     {.what = absl::StrCat(fusion.name, ": its report has no inputs")});
  }
  const nlohmann::json& inputs = report.at("inputs");
  ASSIGN_OR_RETURN(const std::string charter_digest, JsonString(inputs, "charter_digest"));
  nlohmann::json experts = nlohmann::json::array();
  for (const FusionExpert& expert : fusion.experts) {
    experts.push_back({{"submission", expert.submission},
                       {"contributor", expert.contributor},
                       {"domain", expert.domain},
                       {"root_digest", expert.root_digest.Hex()}});
  }
  const nlohmann::json model = {{"format", "kalavai-fused-model"},
                                {"version", 1},
                                {"cooperative", fusion.cooperative},
                                {"charter_digest", charter_digest},
                                {"base_digest", fusion.experts.front().root_digest.Hex()},
                                {"experts", experts},
                                {"router_digest", fusion.figures->router_digest.Hex()},
                                {"report_digest", fusion.figures->report_digest.Hex()},
                                {"mixture", std::string(MixtureName(fusion.mixture))},
                                {"gate", "switching"},
                                {"guard_met", fusion.figures->guard_met},
                                {"acknowledged_reason", std::string(acknowledged_reason)}};
  return model.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string ModelCard(const FusionRecord& fusion, absl::string_view acknowledged_reason) {
  std::string card = absl::StrCat(
      "# A model of ", fusion.cooperative, "\n\n", "Fused from the base and ",
      fusion.experts.size() - 1,
      " specialists, each trained at home by its contributor. At every token the specialists' ",
      fusion.mixture == Mixture::kLogit ? "logits" : "probabilities",
      " are mixed; a Bayesian filter over who is speaking gives the weights. "
      "`model.json` names every part by digest; `model.sig` signs this directory.\n\n"
      "Limits: backdoors in a specialist cannot be excluded by inspection; weights can leak "
      "training "
      "text unless they were trained with differential privacy; a gain in loss is not a gain on a "
      "benchmark.\n\n");
  if (!acknowledged_reason.empty()) {
    absl::StrAppend(
        &card, "Released although a domain got worse; acknowledged: ", acknowledged_reason, "\n\n");
  }
  return absl::StrCat(card, fusion.figures->report_markdown);
}

absl::StatusOr<ReleasedModel> WriteRelease(const FusionRecord& fusion, const SigningKey& key,
                                           const ReleaseOptions& options) {
  RETURN_IF_ERROR(CheckReleasable(fusion, options.acknowledged_reason));
  const std::string partial = StagingOf(options.directory);
  RETURN_IF_ERROR(RemoveTree(partial));
  RETURN_IF_ERROR(WriteFiles(fusion, options, partial));
  ASSIGN_OR_RETURN(const ModelManifest manifest,
                   SignDirectory(key, partial, {.signature_path = "", .subject = "model"}));
  ReleasedModel released{.name = options.name,
                         .cooperative = fusion.cooperative,
                         .fusion = fusion.name,
                         .mixture = fusion.mixture,
                         .directory = options.directory,
                         .acknowledged_reason = options.acknowledged_reason,
                         .root_digest = manifest.root_digest,
                         .signature = "",
                         .experts = fusion.experts,
                         .files = {},
                         .release_time = options.now};
  ASSIGN_OR_RETURN(released.signature, ReadFileBounded(absl::StrCat(partial, "/model.sig"),
                                                       limits::kModelSignatureBytesMax));
  for (const Resource& resource : manifest.resources) {
    std::error_code error;
    const auto size = std::filesystem::file_size(absl::StrCat(partial, "/", resource.name), error);
    if (error) return ErrnoError(error.value(), "stat", resource.name);
    released.files.push_back({.path = resource.name,
                              .size_bytes = static_cast<int64_t>(size),
                              .sha256 = resource.digest});
  }
  return released;
}

absl::Status InstallRelease(const ReleasedModel& released) {
  RETURN_IF_ERROR(RemoveTree(released.directory));
  std::error_code error;
  std::filesystem::rename(StagingOf(released.directory), released.directory, error);
  if (error) return ErrnoError(error.value(), "rename", released.directory);
  return SyncDirectory(std::filesystem::path(released.directory).parent_path().string());
}

absl::Status RemoveUninstalled(const std::string& directory) {
  return RemoveTree(StagingOf(directory));
}

absl::StatusOr<std::vector<std::string>> ListStrayReleases(const std::string& models_directory,
                                                           const ModelOnRecord& on_record) {
  namespace fs = std::filesystem;
  std::vector<std::string> stray;
  std::error_code error;
  for (fs::directory_iterator outer(models_directory, error), end; !error && outer != end;
       outer.increment(error)) {
    if (!outer->is_directory(error)) continue;
    const std::string cooperative = outer->path().filename().string();
    for (fs::directory_iterator inner(outer->path(), error); !error && inner != end;
         inner.increment(error)) {
      if (!inner->is_directory(error)) continue;
      // The name of no model ends in .partial: an id has no dot.
      ASSIGN_OR_RETURN(const bool known,
                       on_record(ModelName(cooperative, inner->path().filename().string())));
      if (!known) stray.push_back(inner->path().string());
    }
    if (error) break;
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return ErrnoError(error.value(), "list", models_directory);
  }
  std::sort(stray.begin(), stray.end());
  return stray;
}

absl::Status RemoveStrayReleases(const std::string& models_directory,
                                 const ModelOnRecord& on_record) {
  ASSIGN_OR_RETURN(const std::vector<std::string> stray,
                   ListStrayReleases(models_directory, on_record));
  for (const std::string& directory : stray) {
    RETURN_IF_ERROR(RemoveTree(directory));
    RETURN_IF_ERROR(SyncDirectory(std::filesystem::path(directory).parent_path().string()));
  }
  return absl::OkStatus();
}

}  // namespace kalavai::coordinator

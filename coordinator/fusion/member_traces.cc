#include "coordinator/fusion/member_traces.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include <unistd.h>

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/probe/probe_cache.h"
#include "common/rpc/resource_name.h"
#include "common/storage/atomic_file.h"
#include "common/storage/file_lock.h"
#include "coordinator/fusion/pass_order.h"
#include "coordinator/fusion/weight_average.h"
#include "coordinator/router_safetensors.h"

namespace kalavai::coordinator {
namespace {

namespace fs = std::filesystem;

// How the files of a model's arrays begin: ProbeCacheFileName without the probe text.
std::string PrefixOf(const std::string& model) {
  const std::string name = ProbeCacheFileName({.model_digest = model, .probe_digest = ""});
  return name.substr(0, name.find('-') + 1);
}

std::set<std::string> PrefixesOf(const std::vector<std::string>& models) {
  std::set<std::string> prefixes;
  for (const std::string& model : models) prefixes.insert(PrefixOf(model));
  return prefixes;
}

// pass.json first: whoever is at the pass stops, and takes back what it writes meanwhile.
absl::Status RemovePasses(const std::string& work, const std::vector<std::string>& models) {
  const std::set<std::string> prefixes = PrefixesOf(models);
  const std::string folder = PassDirectory(work, "");
  std::vector<std::string> doomed;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (prefixes.contains(name.substr(0, name.find('-') + 1))) doomed.push_back(name);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return ErrnoError(error.value(), "list", folder);
  }
  for (const std::string& name : doomed) {
    RETURN_IF_ERROR(RemoveFile(absl::StrCat(PassDirectory(work, name), "/pass.json")));
    fs::remove_all(PassDirectory(work, name), error);
    if (error) return ErrnoError(error.value(), "remove", PassDirectory(work, name));
  }
  return absl::OkStatus();
}

absl::Status RemoveCaches(const std::string& caches, const std::vector<std::string>& models) {
  const std::set<std::string> prefixes = PrefixesOf(models);
  std::vector<std::string> doomed;
  std::error_code error;
  // Nothing there: nothing was ever probed.
  for (fs::recursive_directory_iterator it(caches, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    const std::string prefix = name.substr(0, name.find('-') + 1);
    if (!prefixes.contains(prefix)) continue;
    if (it->path().extension() == ".lock") {  // a held one keeps others out of what goes
      ASSIGN_OR_RETURN(const bool held, FileLock::IsHeld(it->path().string()));
      if (held) continue;
    }
    doomed.push_back(it->path().string());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return ErrnoError(error.value(), "list", caches);
  }
  for (const std::string& path : doomed) RETURN_IF_ERROR(RemoveFile(path));
  return absl::OkStatus();
}

}  // namespace

absl::Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) != 0) {
    return errno == ENOENT || errno == ENOTDIR ? absl::OkStatus()
                                               : ErrnoError(errno, "remove", path);
  }
  return SyncDirectory(fs::path(path).parent_path().string());
}

absl::StatusOr<std::vector<std::string>> TracesOfWithdrawn(const FusionStore& fusions) {
  ASSIGN_OR_RETURN(const std::vector<FusionRecord> records, fusions.ListOfWithdrawn());
  std::set<std::string> models;
  ASSIGN_OR_RETURN(const std::vector<Digest> screened, fusions.ListScreenedOfWithdrawn());
  for (const Digest& digest : screened) models.insert(digest.Hex());
  for (const FusionRecord& record : records) {
    ASSIGN_OR_RETURN(const std::vector<Digest> withdrawn,
                     fusions.ListWithdrawnExperts(record.name));
    for (const Digest& digest : withdrawn) models.insert(digest.Hex());
    ASSIGN_OR_RETURN(const bool read_sample, fusions.HasWithdrawnSample(record.name));
    if (read_sample) {  // every model has arrays of that text
      for (const FusionExpert& expert : record.experts) models.insert(expert.root_digest.Hex());
      for (const ReferenceModel& model : record.references) models.insert(model.root_digest.Hex());
    }
    std::vector<Digest> averaged;
    for (size_t i = 1; i < record.experts.size(); ++i) {
      averaged.push_back(record.experts[i].root_digest);
    }
    models.insert(WeightAverageKey(averaged).Hex());
  }
  return std::vector<std::string>(models.begin(), models.end());
}

absl::Status EraseTraces(const FusionStore& fusions, const std::string& work_directory,
                         const std::vector<std::string>& kept) {
  ASSIGN_OR_RETURN(const std::vector<std::string> models, TracesOfWithdrawn(fusions));
  RETURN_IF_ERROR(RemovePasses(work_directory, models));
  RETURN_IF_ERROR(RemoveCaches(absl::StrCat(work_directory, "/caches"), models));
  for (const std::string& model : models) {
    const std::string directory = absl::StrCat(work_directory, "/models/", model);
    std::error_code error;
    fs::remove_all(directory, error);
    if (error) return ErrnoError(error.value(), "remove", directory);
  }
  ASSIGN_OR_RETURN(const std::vector<FusionRecord> records, fusions.ListOfWithdrawn());
  for (const FusionRecord& record : records) {
    ASSIGN_OR_RETURN(const ChildName name, ParseFusionName(record.name));
    const std::string directory =
        absl::StrCat(work_directory, "/fusions/", name.cooperative, "/", name.id, "/");
    RETURN_IF_ERROR(RemoveFile(absl::StrCat(directory, kLogitJournalFile)));
    if (std::find(kept.begin(), kept.end(), record.name) != kept.end()) continue;
    RETURN_IF_ERROR(RemoveFile(absl::StrCat(directory, kRouterFile)));
  }
  return absl::OkStatus();
}

}  // namespace kalavai::coordinator

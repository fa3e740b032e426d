#include "common/safetensors/shard_writer.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/safetensors/checkpoint_directory.h"
#include "common/storage/atomic_file.h"

namespace kalavai {
namespace {

constexpr char kSingleFile[] = "model.safetensors";
constexpr char kIndexFile[] = "model.safetensors.index.json";

absl::Status SizeError(absl::string_view found) {
  return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                   {.what = absl::StrCat("shard size '", Printable(found),
                                         "' found; must be like 5GB, 200MB or 10KB, above 0"),
                    .why = "units are decimal, as huggingface_hub reads them",
                    .fix = "give a number and KB, MB, GB or TB",
                    .metadata = {{"found", Printable(found)}}});
}

bool IsWeightFile(const std::string& name) {
  return IsCheckpointFileName(name) && (name == kIndexFile || absl::EndsWith(name, ".safetensors"));
}

// The index first: without it, shards that are still there are refused.
absl::Status RemoveWeights(const std::string& directory) {
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  if (error) return ErrnoError(error.value(), "list", directory);
  std::set<std::filesystem::path> old;
  for (; entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (error) return ErrnoError(error.value(), "list", directory);
    if (IsWeightFile(entries->path().filename().string())) old.insert(entries->path());
  }
  std::filesystem::remove(std::filesystem::path(directory) / kIndexFile, error);
  for (const std::filesystem::path& path : old) {
    if (!error) std::filesystem::remove(path, error);
  }
  if (error) return ErrnoError(error.value(), "remove weights in", directory);
  return SyncDirectory(directory);
}

absl::Status CheckDistinct(const std::vector<TensorView>& tensors) {
  std::set<absl::string_view> names;
  for (const TensorView& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      return SafetensorsError(SafetensorsDefect::kDuplicateKey, {.tensor = tensor.name},
                              "a second tensor of this name", "have every name once");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> ParseShardSize(absl::string_view text) {
  absl::string_view digits = text;
  int64_t unit = 1;
  int64_t bytes = 1000;
  for (const char* suffix : {"KB", "MB", "GB", "TB"}) {
    if (absl::EndsWithIgnoreCase(text, suffix)) {
      unit = bytes;
      digits.remove_suffix(2);
    }
    bytes *= 1000;
  }
  const bool plain = !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '.';
  });
  double count = 0;
  if (!plain || !absl::SimpleAtod(digits, &count)) return SizeError(text);
  const double result = count * static_cast<double>(unit);
  if (!(result >= 1 && result < 9e18)) return SizeError(text);
  return static_cast<int64_t>(result);
}

std::vector<std::vector<size_t>> SplitIntoShards(const std::vector<TensorView>& tensors,
                                                 int64_t max_bytes) {
  KALAVAI_CHECK(max_bytes >= 1, "a limit above 0");
  const auto limit = static_cast<size_t>(max_bytes);
  std::vector<std::vector<size_t>> shards;
  std::vector<size_t> current;
  size_t current_bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const size_t bytes = tensors[i].bytes.size();
    if (bytes > limit) {  // does not close the current shard
      shards.push_back({i});
      continue;
    }
    if (bytes > limit - current_bytes) {
      shards.push_back(std::exchange(current, {}));
      current_bytes = 0;
    }
    current.push_back(i);
    current_bytes += bytes;
  }
  if (!current.empty() || shards.empty()) shards.push_back(std::move(current));
  return shards;
}

absl::StatusOr<std::vector<std::string>> WriteWeights(const std::string& directory,
                                                      const std::vector<TensorView>& tensors,
                                                      int64_t max_bytes) {
  RETURN_IF_ERROR(CheckDistinct(tensors));
  const std::vector<std::vector<size_t>> shards = SplitIntoShards(tensors, max_bytes);
  RETURN_IF_ERROR(RemoveWeights(directory));
  std::vector<std::string> files;
  nlohmann::ordered_json::object_t weight_map;  // appended to: a lookup in it is linear
  size_t total = 0;
  for (size_t shard = 0; shard < shards.size(); ++shard) {
    const std::string name = shards.size() == 1 ? kSingleFile
                                                : absl::StrFormat("model-%05d-of-%05d.safetensors",
                                                                  shard + 1, shards.size());
    std::vector<TensorView> views;
    for (const size_t index : shards[shard]) {
      views.push_back(tensors[index]);
      weight_map.emplace_back(tensors[index].name, name);
      total += tensors[index].bytes.size();
    }
    RETURN_IF_ERROR(WriteSafetensors(absl::StrCat(directory, "/", name), std::move(views)));
    files.push_back(name);
  }
  if (shards.size() > 1) {
    const nlohmann::ordered_json index = {{"metadata", {{"total_size", total}}},
                                          {"weight_map", std::move(weight_map)}};
    // Python's json writes ASCII only.
    const std::string text = index.dump(/*indent=*/2, ' ', /*ensure_ascii=*/true);
    RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(directory, "/", kIndexFile), text));
    files.emplace_back(kIndexFile);
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace kalavai

#include "common/safetensors/checkpoint_directory.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/storage/atomic_file.h"

namespace kalavai {
namespace {

constexpr absl::string_view kConfig = "config.json";
constexpr absl::string_view kTokenizer = "tokenizer.json";
constexpr absl::string_view kSingleFile = "model.safetensors";
constexpr absl::string_view kIndex = "model.safetensors.index.json";
constexpr absl::string_view kShardPattern = "model-#####-of-#####.safetensors";
// An index of a 100,000-tensor model is about 10 MB.
constexpr int64_t kIndexBytesMax = limits::kSafetensorsHeaderBytesMax;

constexpr std::array<absl::string_view, 14> kOtherFiles = {"generation_config.json",
                                                           "tokenizer_config.json",
                                                           "special_tokens_map.json",
                                                           "added_tokens.json",
                                                           "vocab.json",
                                                           "merges.txt",
                                                           "tokenizer.model",
                                                           "chat_template.jinja",
                                                           "README.md",
                                                           "LICENSE",
                                                           kConfig,
                                                           kTokenizer,
                                                           kSingleFile,
                                                           kIndex};

// The weights are neither one file nor shards, or both.
absl::Status FormError(absl::string_view file, absl::string_view rule) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CHECKPOINT_FORM",
                   {.what = absl::StrCat("checkpoint file '", file, "': ", rule),
                    .why = "with two sets of weights, two readers would load two models",
                    .fix = "keep model.safetensors, or the shards and model.safetensors.index.json",
                    .metadata = {{"file", std::string(file)}}});
}

// The index and the shards do not say the same.
absl::Status ShardError(absl::string_view file, absl::string_view tensor, absl::string_view rule) {
  const std::string of = tensor.empty() ? "" : absl::StrCat(", tensor '", Printable(tensor), "'");
  ErrorText text = {.what = absl::StrCat("checkpoint file '", Printable(file), "'", of, ": ", rule),
                    .why = "every tensor must lie in exactly the shard that the index names",
                    .fix = "copy all files of one save_pretrained, and no others",
                    .metadata = {{"file", Printable(file)}}};
  if (!tensor.empty()) text.metadata["tensor"] = Printable(tensor);
  return MakeError(absl::StatusCode::kInvalidArgument, "CHECKPOINT_SHARDS", std::move(text));
}

absl::Status DirectoryError(absl::string_view file, absl::string_view rule) {
  const std::string printable = Printable(file);
  return MakeError(absl::StatusCode::kInvalidArgument, "CHECKPOINT_INVALID",
                   {.what = absl::StrCat("checkpoint file '", printable, "': ", rule),
                    .why = "a checkpoint is config.json and model.safetensors, or shards with "
                           "their index, and nothing that could be code",
                    .fix = "save the model again with save_pretrained(safe_serialization=True)",
                    .metadata = {{"file", printable}}});
}

struct ShardName {
  int64_t number = 0;  // from 1
  int64_t count = 0;
};

std::optional<ShardName> ParseShardName(absl::string_view name) {
  if (name.size() != kShardPattern.size()) return std::nullopt;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool fits = kShardPattern[i] == '#'
                          ? absl::ascii_isdigit(static_cast<unsigned char>(name[i]))
                          : name[i] == kShardPattern[i];
    if (!fits) return std::nullopt;
  }
  ShardName shard;
  const bool read = absl::SimpleAtoi(name.substr(6, 5), &shard.number) &&
                    absl::SimpleAtoi(name.substr(15, 5), &shard.count);
  if (!read || shard.number < 1 || shard.number > shard.count) return std::nullopt;
  return shard;
}

// The names in the directory. kUpload: every one allowed, and a regular file.
absl::StatusOr<std::set<std::string>> ListFiles(const std::string& path,
                                                const CheckpointDirectory::Options& options) {
  std::set<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entries(path, error);
  if (error) return ErrnoError(error.value(), "list", path);
  for (; entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    names.insert(name);
    if (options.mode == SafetensorsMode::kFormat) continue;
    const std::filesystem::file_type type = entries->symlink_status(error).type();
    if (error) return ErrnoError(error.value(), "stat", path);
    if (type != std::filesystem::file_type::regular) {
      return DirectoryError(name, "must be a regular file, not a link or a directory");
    }
    const auto& others = options.other_files;
    if (!IsCheckpointFileName(name) &&
        std::find(others.begin(), others.end(), name) == others.end()) {
      return DirectoryError(name, "is not one of the files a checkpoint may hold");
    }
  }
  if (error) return ErrnoError(error.value(), "list", path);
  return names;
}

using WeightMap = std::vector<std::pair<std::string, std::string>>;  // tensor, file

struct Index {
  WeightMap map;
  std::optional<double> total_size;  // as stated; old files state it as a float
};

absl::StatusOr<Index> ReadIndex(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFileBounded(path, kIndexBytesMax));
  const absl::StatusOr<nlohmann::json> index = ReadJson(bytes, {.bytes_max = kIndexBytesMax});
  if (!index.ok()) return Annotate(index.status(), kIndex);
  if (!index->is_object() || !index->contains("weight_map") ||
      !(*index)["weight_map"].is_object()) {
    return ShardError(kIndex, "", "`weight_map` must be an object");
  }
  Index result;
  WeightMap& map = result.map;
  for (const auto& [tensor, file] : (*index)["weight_map"].items()) {
    if (!file.is_string()) return ShardError(kIndex, tensor, "must be mapped to a file's name");
    map.emplace_back(tensor, file.get<std::string>());
  }
  if (map.empty()) return ShardError(kIndex, "", "`weight_map` must not be empty");
  const auto metadata = index->find("metadata");
  if (metadata != index->end() && metadata->is_object() && metadata->contains("total_size") &&
      (*metadata)["total_size"].is_number()) {
    result.total_size = (*metadata)["total_size"].get<double>();
  }
  return result;
}

// Returns the shards' names in order: model-00001-of-N … model-N-of-N, all named, all present, and
// no others present.
absl::StatusOr<std::vector<std::string>> ShardNames(const WeightMap& map,
                                                    const std::set<std::string>& names) {
  std::set<std::string> named;
  for (const auto& [tensor, file] : map) named.insert(file);
  const int64_t count = static_cast<int64_t>(named.size());
  int64_t expected = 1;
  for (const std::string& file : named) {  // zero-padded: this order is the numbers' order
    const std::optional<ShardName> shard = ParseShardName(file);
    if (!shard.has_value() || shard->number != expected++ || shard->count != count) {
      return ShardError(
          file, "",
          absl::StrFormat("the index names %d files; they must be model-00001-of-%05d.safetensors "
                          "and so on, without gaps",
                          count, count));
    }
    if (!names.contains(file)) return ShardError(file, "", "is named by the index and absent");
  }
  for (const std::string& name : names) {
    if (absl::EndsWith(name, ".safetensors") && ParseShardName(name).has_value() &&
        !named.contains(name)) {
      return ShardError(name, "", "is a shard the index does not name");
    }
  }
  return std::vector<std::string>(named.begin(), named.end());
}

std::string Basename(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

absl::Status CompareWithIndex(const WeightMap& map, const CheckpointDirectory& directory) {
  for (const auto& [name, file] : map) {
    const CheckpointTensor* tensor = directory.Find(name);
    const bool same = tensor != nullptr && Basename(tensor->file->path()) == file;
    if (same) continue;
    if (tensor == nullptr) {
      return ShardError(file, name, "the index says it is there, and no shard holds it");
    }
    return ShardError(file, name,
                      absl::StrCat("the index says it is there, and it is in '",
                                   Basename(tensor->file->path()), "'"));
  }
  if (map.size() == directory.tensors().size()) return absl::OkStatus();
  std::set<absl::string_view> named;
  for (const auto& [name, file] : map) named.insert(name);
  for (const CheckpointTensor& tensor : directory.tensors()) {
    if (named.contains(tensor.name())) continue;
    return ShardError(Basename(tensor.file->path()), tensor.name(), "the index does not name it");
  }
  return absl::OkStatus();
}

}  // namespace

bool IsCheckpointFileName(absl::string_view name) {
  return std::find(kOtherFiles.begin(), kOtherFiles.end(), name) != kOtherFiles.end() ||
         ParseShardName(name).has_value();
}

absl::StatusOr<CheckpointDirectory> CheckpointDirectory::Open(const std::string& path,
                                                              const Options& options) {
  CheckpointDirectory result;
  result.path_ = path;
  ASSIGN_OR_RETURN(const std::set<std::string> names, ListFiles(path, options));
  const auto file_path = [&](absl::string_view name) { return absl::StrCat(path, "/", name); };
  ASSIGN_OR_RETURN(result.config_json_, ReadFileBounded(file_path(kConfig), limits::kJsonBytesMax));
  RETURN_IF_ERROR(Annotate(ReadJson(result.config_json_).status(), kConfig));
  if (names.contains(std::string(kTokenizer))) result.tokenizer_path_ = file_path(kTokenizer);

  const bool single = names.contains(std::string(kSingleFile));
  const bool sharded = names.contains(std::string(kIndex));
  Index index;
  std::vector<std::string> weight_files = {std::string(kSingleFile)};
  if (sharded) {
    ASSIGN_OR_RETURN(index, ReadIndex(file_path(kIndex)));
    ASSIGN_OR_RETURN(weight_files, ShardNames(index.map, names));
  }
  const bool stray = !sharded && std::any_of(names.begin(), names.end(), [](const auto& name) {
    return ParseShardName(name).has_value();
  });
  if (single ? sharded || stray : !sharded) {
    return FormError(kSingleFile, single  ? "must not lie beside shards or their index"
                                  : stray ? "is absent; there are shards, but no "
                                            "model.safetensors.index.json to say what they hold"
                                          : "is absent, and so is model.safetensors.index.json");
  }
  for (const std::string& name : weight_files) {
    ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(file_path(name), options.mode));
    result.files_.push_back(std::move(file));
  }
  for (const SafetensorsFile& file : result.files_) {  // the vector has its final place
    for (const TensorInfo& tensor : file.header().tensors()) {
      result.tensors_.push_back({.info = &tensor, .file = &file});
    }
  }
  std::sort(
      result.tensors_.begin(), result.tensors_.end(),
      [](const CheckpointTensor& a, const CheckpointTensor& b) { return a.name() < b.name(); });
  const auto twice = std::adjacent_find(
      result.tensors_.begin(), result.tensors_.end(),
      [](const CheckpointTensor& a, const CheckpointTensor& b) { return a.name() == b.name(); });
  if (twice != result.tensors_.end()) {
    return ShardError(Basename(twice->file->path()), twice->name(),
                      absl::StrCat("is also in '", Basename(std::next(twice)->file->path()), "'"));
  }
  if (sharded) RETURN_IF_ERROR(CompareWithIndex(index.map, result));
  const auto total = static_cast<double>(result.TensorBytes());
  if (index.total_size.has_value() && *index.total_size != total) {
    result.warning_ = absl::StrFormat("%s: total_size %.0f found; the tensors have %.0f bytes",
                                      kIndex, *index.total_size, total);
  }
  return result;
}

const CheckpointTensor* CheckpointDirectory::Find(absl::string_view name) const {
  const auto found = std::lower_bound(tensors_.begin(), tensors_.end(), name,
                                      [](const CheckpointTensor& tensor, absl::string_view wanted) {
                                        return tensor.name() < wanted;
                                      });
  return found != tensors_.end() && found->name() == name ? &*found : nullptr;
}

std::span<const std::byte> CheckpointDirectory::Bytes(const CheckpointTensor& tensor) const {
  return tensor.file->Bytes(*tensor.info);
}

Digest CheckpointDirectory::TensorDigest(const CheckpointTensor& tensor) const {
  const std::span<const std::byte> bytes = Bytes(tensor);
  return Sha256Of({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

int64_t CheckpointDirectory::TensorBytes() const {
  int64_t total = 0;
  for (const CheckpointTensor& tensor : tensors_) total += tensor.info->ByteCount();
  return total;
}

absl::StatusOr<std::vector<std::string>> ListCheckpointFiles(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  if (error) return ErrnoError(error.value(), "read", directory);
  for (const std::filesystem::directory_entry& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (IsCheckpointFileName(name) && entry.is_regular_file(error)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace kalavai

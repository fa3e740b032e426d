// A checkpoint directory in Hugging Face's layout as one object: config.json, tokenizer.json, and
// the weights in `model.safetensors`, or in shards `model-00001-of-0000N.safetensors` named by
// `model.safetensors.index.json`; never both.
//
// Sharded weights are accepted only when the index and the shards say the same: every name of the
// index is a shard of one N, all N shards are present, every tensor lies in exactly the shard the
// index names, and the reverse. Spans and pointers live as long as the object (also after it is
// moved). Thread-safe: constant after Open.
#ifndef KALAVAI_COMMON_SAFETENSORS_CHECKPOINT_DIRECTORY_H_
#define KALAVAI_COMMON_SAFETENSORS_CHECKPOINT_DIRECTORY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/sha256.h"
#include "common/safetensors/reader.h"

namespace kalavai {

struct CheckpointTensor {
  const TensorInfo* info = nullptr;
  const SafetensorsFile* file = nullptr;

  absl::string_view name() const { return info->name; }
};

class CheckpointDirectory {
 public:
  struct Options {
    // kUpload: moreover refuses every file whose name is not IsCheckpointFileName or one of
    // `other_files`, sub-directories and symbolic links.
    SafetensorsMode mode = SafetensorsMode::kFormat;
    std::vector<std::string> other_files =
        {};  // e.g. the reports and the signature of a submission
  };

  // Errors, INVALID_ARGUMENT with metadata `file` and `tensor`: CHECKPOINT_FORM for neither or both
  // forms of weights; CHECKPOINT_SHARDS when index and shards differ; CHECKPOINT_INVALID for a file
  // an upload may not hold; those of SafetensorsFile::Open; JSON_INVALID for the index;
  // FILE_NOT_FOUND for an absent directory or config.json; IO_ERROR. config.json is bounded by
  // limits::kJsonBytesMax and must be strict JSON; its meaning is common/model's.
  static absl::StatusOr<CheckpointDirectory> Open(const std::string& path, const Options& options);

  CheckpointDirectory(CheckpointDirectory&&) noexcept = default;
  CheckpointDirectory& operator=(CheckpointDirectory&&) noexcept = default;

  const std::string& path() const { return path_; }
  const std::string& config_json() const { return config_json_; }
  // The path of tokenizer.json, or "" when the directory has none.
  const std::string& tokenizer_path() const { return tokenizer_path_; }
  // One file, or the shards in order.
  const std::vector<SafetensorsFile>& files() const { return files_; }

  // All tensors, sorted by name.
  const std::vector<CheckpointTensor>& tensors() const { return tensors_; }
  // Returns nullptr when there is none.
  const CheckpointTensor* Find(absl::string_view name) const;
  std::span<const std::byte> Bytes(const CheckpointTensor& tensor) const;
  // SHA-256 of the tensor's bytes alone: equal bytes, dtype and shape are equal tensors.
  Digest TensorDigest(const CheckpointTensor& tensor) const;
  // Σ ByteCount() over all tensors; what `total_size` in the index means.
  int64_t TensorBytes() const;
  // What is odd but does no harm: a `total_size` in the index that is not TensorBytes().
  const std::optional<std::string>& warning() const { return warning_; }

 private:
  CheckpointDirectory() = default;

  std::string path_;
  std::string config_json_;
  std::string tokenizer_path_;
  std::vector<SafetensorsFile> files_;
  std::vector<CheckpointTensor> tensors_;
  std::optional<std::string> warning_;
};

// Whether `name` is one of the files Hugging Face's libraries read and that hold no code: weights,
// index, config.json, generation_config.json, the tokenizer's files, README.md, LICENSE.
bool IsCheckpointFileName(absl::string_view name);

// Names of the regular files of a directory that are such files, sorted bytewise: what a checkpoint
// consists of, and what its root digest covers. FILE_NOT_FOUND, IO_ERROR.
absl::StatusOr<std::vector<std::string>> ListCheckpointFiles(const std::string& directory);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_SAFETENSORS_CHECKPOINT_DIRECTORY_H_

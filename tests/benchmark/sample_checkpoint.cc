#include "tests/benchmark/sample_checkpoint.h"

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/limits.h"
#include "common/base/seeded_random.h"
#include "common/safetensors/shard_writer.h"
#include "common/storage/atomic_file.h"

namespace kalavai::benchmarks {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kTensorBytes = 2 * limits::kMiB;  // [1024, 1024] in BF16
constexpr int64_t kPoolTensors = 32;                // the random bytes repeat after 64 MiB
constexpr int64_t kShards = 8;

struct Configuration {
  std::string directory;
  bool temporary = false;
  int64_t mib = 1600;
};

Configuration& Configured() {
  static Configuration configuration;
  return configuration;
}

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "benchmark: " << status << "\n";
  std::abort();
}

SampleCheckpoint Write(const std::string& directory, int64_t mib) {
  std::vector<uint64_t> pool(kPoolTensors * kTensorBytes / sizeof(uint64_t));
  SeededRandom random(20261123);
  for (uint64_t& word : pool) word = random.Next();
  const std::span<const std::byte> bytes = std::as_bytes(std::span(pool));
  std::vector<TensorView> tensors;
  const int64_t count = mib * limits::kMiB / kTensorBytes;
  for (int64_t i = 0; i < count; ++i) {
    tensors.push_back({.name = absl::StrCat("model.layers.", i / 8, ".part.", i % 8, ".weight"),
                       .dtype = Dtype::kBF16,
                       .shape = {1024, 1024},
                       .bytes = bytes.subspan(static_cast<size_t>(i % kPoolTensors * kTensorBytes),
                                              static_cast<size_t>(kTensorBytes))});
  }
  SampleCheckpoint sample = {.single = absl::StrCat(directory, "/single"),
                             .sharded = absl::StrCat(directory, "/sharded"),
                             .shards = {},
                             .bytes = count * kTensorBytes};
  const int64_t shard_tensors = (count + kShards - 1) / kShards;
  for (const auto& [path, limit] : {std::pair(sample.single, sample.bytes),
                                    std::pair(sample.sharded, shard_tensors * kTensorBytes)}) {
    Require(EnsureDirectory(path));
    if (!fs::exists(absl::StrCat(path, "/config.json"))) {  // written last: the rest is whole
      Require(WriteWeights(path, tensors, limit).status());
      Require(WriteFileAtomically(absl::StrCat(path, "/config.json"), "{}"));
    }
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(sample.sharded)) {
    if (absl::EndsWith(entry.path().string(), ".safetensors")) {
      sample.shards.push_back(entry.path().string());
    }
  }
  return sample;
}

}  // namespace

void ConfigureSample(std::string directory, int64_t mib) {
  Configuration& configuration = Configured();
  configuration.mib = mib;
  configuration.temporary = directory.empty();
  configuration.directory = std::move(directory);
}

const SampleCheckpoint& Sample() {
  static const SampleCheckpoint sample = [] {
    Configuration& configuration = Configured();
    if (configuration.temporary) {
      std::string pattern = (fs::temp_directory_path() / "kalavai-benchmark-XXXXXX").string();
      if (mkdtemp(pattern.data()) == nullptr) std::abort();
      configuration.directory = pattern;
    }
    return Write(configuration.directory, configuration.mib);
  }();
  return sample;
}

void RemoveSample() {
  const Configuration& configuration = Configured();
  if (configuration.temporary && !configuration.directory.empty()) {
    fs::remove_all(configuration.directory);
  }
}

}  // namespace kalavai::benchmarks

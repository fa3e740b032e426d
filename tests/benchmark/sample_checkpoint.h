// The checkpoint the benchmarks read: as one file and as eight shards, written once a run from a
// seed, into a directory that is removed at the end.
#ifndef KALAVAI_TESTS_BENCHMARK_SAMPLE_CHECKPOINT_H_
#define KALAVAI_TESTS_BENCHMARK_SAMPLE_CHECKPOINT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace kalavai::benchmarks {

struct SampleCheckpoint {
  std::string single;               // a directory with config.json and model.safetensors
  std::string sharded;              // the same tensors in shards with their index
  std::vector<std::string> shards;  // paths
  int64_t bytes = 0;                // of the tensors
};

// Sets where and how large, before the first Sample(). With the default the files are those of a
// model of 0.8 billion parameters in BF16. `directory` empty: a fresh one below the system's
// temporary directory.
void ConfigureSample(std::string directory, int64_t mib);

// Writes the files at the first call, or takes those a run before left in `directory`.
const SampleCheckpoint& Sample();

// Removes what ConfigureSample's default made.
void RemoveSample();

}  // namespace kalavai::benchmarks

#endif  // KALAVAI_TESTS_BENCHMARK_SAMPLE_CHECKPOINT_H_

// Opening (validating, mapping) and hashing whole checkpoints from the page cache.
#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"

#include "benchmark/benchmark.h"
#include "common/crypto/file_digests.h"
#include "common/safetensors/checkpoint_directory.h"
#include "tests/benchmark/sample_checkpoint.h"

namespace kalavai::benchmarks {
namespace {

void OpenAgainAndAgain(benchmark::State& state, const std::string& directory) {
  for (auto _ : state) {
    const auto checkpoint =
        CheckpointDirectory::Open(directory, {.mode = SafetensorsMode::kUpload});
    if (!checkpoint.ok()) std::abort();
    benchmark::DoNotOptimize(checkpoint->tensors().data());
  }
}

void BM_OpenCheckpoint(benchmark::State& state) { OpenAgainAndAgain(state, Sample().single); }
BENCHMARK(BM_OpenCheckpoint)->Unit(benchmark::kMillisecond);

void BM_OpenShardedCheckpoint(benchmark::State& state) {
  OpenAgainAndAgain(state, Sample().sharded);
}
BENCHMARK(BM_OpenShardedCheckpoint)->Unit(benchmark::kMillisecond);

void BM_DigestFile(benchmark::State& state) {
  const std::string path = absl::StrCat(Sample().single, "/model.safetensors");
  for (auto _ : state) {
    const auto digest = Sha256OfFile(path);
    if (!digest.ok()) std::abort();
    benchmark::DoNotOptimize(digest->bytes().data());
  }
  state.SetBytesProcessed(state.iterations() * Sample().bytes);
}
BENCHMARK(BM_DigestFile)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_DigestShards(benchmark::State& state) {
  const SampleCheckpoint& sample = Sample();  // written before the clock runs
  for (auto _ : state) {
    const auto digests = Sha256OfFiles(sample.shards, static_cast<int>(state.range(0)));
    if (!digests.ok()) std::abort();
    benchmark::DoNotOptimize(digests->data());
  }
  state.SetBytesProcessed(state.iterations() * Sample().bytes);
}
BENCHMARK(BM_DigestShards)
    ->ArgName("threads")
    ->Arg(1)
    ->Arg(2)
    ->Arg(4)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// Every tensor's own digest, as the comparison of lineages needs them.
void BM_DigestTensors(benchmark::State& state) {
  const auto checkpoint = CheckpointDirectory::Open(Sample().single, {});
  if (!checkpoint.ok()) std::abort();
  for (auto _ : state) {
    for (const CheckpointTensor& tensor : checkpoint->tensors()) {
      const Digest digest = checkpoint->TensorDigest(tensor);
      benchmark::DoNotOptimize(digest.bytes().data());
    }
  }
  state.SetBytesProcessed(state.iterations() * Sample().bytes);
}
BENCHMARK(BM_DigestTensors)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace kalavai::benchmarks

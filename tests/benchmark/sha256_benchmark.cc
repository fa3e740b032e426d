// SHA-256 in memory; run.sh compares with `openssl speed` in the same run.
#include <string>

#include "benchmark/benchmark.h"
#include "common/crypto/sha256.h"

namespace kalavai::benchmarks {
namespace {

// As openssl speed does: one digest a block, again and again.
void BM_Sha256(benchmark::State& state) {
  const std::string block(static_cast<size_t>(state.range(0)), 'x');
  Sha256 hash;
  for (auto _ : state) {
    hash.Update(block);
    benchmark::DoNotOptimize(hash.Finish());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Sha256)->ArgName("bytes")->Arg(64)->Arg(16 << 10)->Arg(1 << 20);

}  // namespace
}  // namespace kalavai::benchmarks

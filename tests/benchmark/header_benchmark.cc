// Parsing and validating a header; `memory_ratio`: the most memory held, by the header's size.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

#include "benchmark/benchmark.h"
#include "common/safetensors/header.h"
#include "tests/support/allocation_peak.h"

namespace kalavai::benchmarks {
namespace {

// Names, shapes and offsets like a real model's.
std::string HeaderText(int64_t tensors) {
  std::string text = R"({"__metadata__":{"format":"pt"})";
  for (int64_t i = 0; i < tensors; ++i) {
    const int64_t begin = i * 2048;
    absl::StrAppend(&text, R"(,"model.layers.)", i / 8, ".self_attn.part_", i % 8,
                    R"(.weight":{"dtype":"BF16","shape":[32,32],"data_offsets":[)", begin, ",",
                    begin + 2048, "]}");
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

void BM_SafetensorsParse(benchmark::State& state) {
  const std::string text = HeaderText(state.range(0));
  const int64_t data_size = state.range(0) * 2048;
  int64_t most = 0;
  for (auto _ : state) {
    const testing::AllocationPeak peak;
    const auto header = SafetensorsHeader::Parse(text, data_size, SafetensorsMode::kUpload);
    if (!header.ok()) std::abort();
    most = peak.Bytes();
    benchmark::DoNotOptimize(header->tensors().data());
  }
  const auto size = static_cast<int64_t>(text.size());
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * size);
  state.counters["memory_ratio"] = static_cast<double>(most) / static_cast<double>(size);
}
BENCHMARK(BM_SafetensorsParse)
    ->ArgName("tensors")
    ->Arg(1000)
    ->Arg(100'000)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kalavai::benchmarks

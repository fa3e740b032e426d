// Google Benchmark's own flags, and two of ours:
//   --directory=DIR       keep the sample checkpoint there; default: a temporary one, removed
//   --checkpoint_mib=N    its size; default 1600
#include <cstdint>
#include <iostream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

#include "benchmark/benchmark.h"
#include "tests/benchmark/sample_checkpoint.h"

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);  // removes the flags it knows
  std::string directory;
  int64_t mib = 1600;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (absl::ConsumePrefix(&argument, "--directory=")) {
      directory = std::string(argument);
    } else if (!absl::ConsumePrefix(&argument, "--checkpoint_mib=") ||
               !absl::SimpleAtoi(argument, &mib) || mib < 2) {
      std::cerr << argv[0] << ": unknown flag '" << argv[i] << "'\n";
      return 2;
    }
  }
  kalavai::benchmarks::ConfigureSample(directory, mib);
  benchmark::RunSpecifiedBenchmarks();
  kalavai::benchmarks::RemoveSample();
  return 0;
}

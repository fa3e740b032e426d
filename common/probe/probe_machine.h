// With what a probe pass is computed. Equal machines give equal bits; any other may differ in the
// last ones, so arrays of different machines are never used side by side: the digest of this is
// part of every cache's key, of its journal's head and of its directory's name
// (docs/formats/probe_cache.md).
//
//   const ProbeMachine machine = ThisMachine(Device::kCpu, Threads());
//   const ProbeCacheKey key = {model_digest, probe.digest, ArithmeticDigest(machine)};
//
// No LibTorch. Values own their data. Thread-safe.
#ifndef KALAVAI_COMMON_PROBE_PROBE_MACHINE_H_
#define KALAVAI_COMMON_PROBE_PROBE_MACHINE_H_

#include <cstdint>
#include <string>

#include "common/model/device.h"

namespace kalavai {

// The product's version is the same for many builds. Add 1 with every change of the program that
// changes the last bit of a log-probability or a feature: an operation of the forward pass or of
// the loss that is written, ordered or fused differently, other batches, other reading of weights.
// Arrays made before are then made again.
inline constexpr int64_t kProbeArithmeticVersion = 1;

// Matrix products, of float32 weights in both cases.
enum class ProbeProducts { kFloat32, kBfloat16 };

struct ProbeMachine {
  std::string device = {};           // "cpu", "cuda"
  int64_t threads = 1;               // of one tensor operation
  std::string products = "float32";  // or "bfloat16"
  int64_t arithmetic_version = 0;    // kProbeArithmeticVersion of the program
  std::string program_version = {};
  std::string torch_version = {};
  std::string vector_level = {};  // of a processor; the device's name of a GPU

  friend bool operator==(const ProbeMachine&, const ProbeMachine&) = default;
};

// What this process computes with, on `threads` threads.
ProbeMachine ThisMachine(Device device, int64_t threads,
                         ProbeProducts products = ProbeProducts::kFloat32);

// Lower-case hexadecimal SHA-256 of all fields; docs/formats/probe_cache.md has the bytes.
std::string ArithmeticDigest(const ProbeMachine& machine);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PROBE_PROBE_MACHINE_H_

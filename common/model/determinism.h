// Threads and seeds: what makes two runs give the same bits.
//
// Reproducible bit for bit on one machine type, library version and thread count: initialisation,
// training (fixed chunks and order), losses, probe passes, generation with a seed. Independent of
// all three: InitializeTransformer and Sampler given equal inputs.
// Not reproducible: across thread counts (sums are split differently), across processors with other
// vector instructions, across LibTorch versions, and between float32 and bfloat16. The differences
// are in the last bits; anything that is compared by digest is therefore computed with a recorded
// thread count.
//
// Threads: call SetThreads once, before the first tensor operation. No LibTorch in this header.
#ifndef KALAVAI_COMMON_MODEL_DETERMINISM_H_
#define KALAVAI_COMMON_MODEL_DETERMINISM_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kalavai {

// Threads inside one tensor operation; 0: the number of physical cores. Also asks for deterministic
// algorithms and flushes denormals to zero alike on all threads. INVALID_ARGUMENT, THREADS_INVALID
// for a negative number or more than 1024.
absl::Status SetThreads(int64_t count);
int64_t Threads();

// After SetThreads, memory that was freed is kept for the next tensor. Gives it back to the system:
// for a process that lives on after its models. Thread-safe; takes milliseconds.
void ReturnFreedMemory();

// Seeds the library's generator. Our own code draws only from SplitMix64; this is a safety belt.
void SeedAll(uint64_t seed);

// True when bfloat16 matrix products have hardware support (AVX-512 BF16 or AMX); without it they
// are slower than float32 and mixed precision falls back.
bool MachineHasBfloat16();

// "AVX512", "AVX2", "DEFAULT": the vector level in use, for reports.
absl::string_view VectorLevel();

// LibTorch's version, e.g. "2.15.0", for provenance.
absl::string_view TorchVersion();

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_DETERMINISM_H_

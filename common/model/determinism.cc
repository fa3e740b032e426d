#include "common/model/determinism.h"

#include <string>

#include "absl/strings/str_cat.h"
#include <malloc.h>

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/model/torch.h"

namespace kalavai {
namespace {

bool HasCapability(const char* name) {
  const auto capabilities = at::cpu::get_cpu_capabilities();
  const auto found = capabilities.find(name);
  return found != capabilities.end() && found->second.isBool() && found->second.toBool();
}

// Activations are allocated and freed every step. By default glibc maps and unmaps each of them,
// and the page faults cost a fifth of a training step: logits and gradients of the embedding are
// larger than the largest M_MMAP_THRESHOLD (32 MiB), so mapping is turned off as a whole.
void KeepFreedMemory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 512 * 1024 * 1024);
  mallopt(M_TOP_PAD, 64 * 1024 * 1024);
#endif
}

}  // namespace

void ReturnFreedMemory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

absl::Status SetThreads(int64_t count) {
  if (count < 0 || count > limits::kFusionThreadsMax) {
    return MakeError(absl::StatusCode::kInvalidArgument, "THREADS_INVALID",
                     {.what = absl::StrCat("`threads`: ", count, " found; must be in [0, ",
                                           limits::kFusionThreadsMax, "]"),
                      .why = "it is the number of threads inside one tensor operation",
                      .fix = "use 0 for one thread a core",
                      .metadata = {{"actual", absl::StrCat(count)}}});
  }
  KeepFreedMemory();
  return CatchTorch("set threads", [&]() -> absl::Status {
    if (count > 0) at::set_num_threads(static_cast<int>(count));
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    at::globalContext().setDeterministicFillUninitializedMemory(false);  // costs, and hides nothing
    at::globalContext().setFlushDenormal(true);
    return absl::OkStatus();
  });
}

int64_t Threads() { return at::get_num_threads(); }

void SeedAll(uint64_t seed) { at::manual_seed(seed); }

bool MachineHasBfloat16() {
  static const bool has = HasCapability("avx512_bf16") || HasCapability("amx_bf16");
  return has;
}

absl::string_view VectorLevel() {
  static const std::string level = at::get_cpu_capability();
  return level;
}

absl::string_view TorchVersion() { return TORCH_VERSION; }

}  // namespace kalavai

#include "common/probe/probe_machine.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/base/version.h"
#include "common/crypto/sha256.h"
#include "common/model/determinism.h"

namespace kalavai {

ProbeMachine ThisMachine(Device device, int64_t threads, ProbeProducts products) {
  return {.device = std::string(NameOf(device)),
          .threads = threads,
          .products = products == ProbeProducts::kFloat32 ? "float32" : "bfloat16",
          .arithmetic_version = kProbeArithmeticVersion,
          .program_version = std::string(Version()),
          .torch_version = std::string(TorchVersion()),
          .vector_level = std::string(device == Device::kCpu ? VectorLevel() : NameOf(device))};
}

std::string ArithmeticDigest(const ProbeMachine& machine) {
  Sha256 hash;
  hash.Update(absl::StrCat("kalavai/probe-arithmetic/v1;", machine.arithmetic_version, ";",
                           machine.threads, ";"));
  for (const absl::string_view text :
       {absl::string_view(machine.device), absl::string_view(machine.products),
        absl::string_view(machine.program_version), absl::string_view(machine.torch_version),
        absl::string_view(machine.vector_level)}) {
    hash.Update(absl::StrCat(text.size(), ":", text, ";"));
  }
  return hash.Finish().Hex();
}

}  // namespace kalavai

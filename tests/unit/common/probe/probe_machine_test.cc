// Goal: whatever changes the last bits of a pass changes the digest, and nothing else does. Method:
// a table of changes; the documented bytes hashed by hand.
#include "common/probe/probe_machine.h"

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "common/crypto/sha256.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

const ProbeMachine kMachine = {.device = "cpu",
                               .threads = 4,
                               .products = "float32",
                               .arithmetic_version = 7,
                               .program_version = "0.1.0",
                               .torch_version = "2.15.0",
                               .vector_level = "AVX512"};

TEST_CASE("The digest is that of the documented bytes", "[probe]") {
  CHECK(
      ArithmeticDigest(kMachine) ==
      Sha256Of("kalavai/probe-arithmetic/v1;7;4;3:cpu;7:float32;5:0.1.0;6:2.15.0;6:AVX512;").Hex());
}

TEST_CASE("Every field changes the digest, also when text moves between fields", "[probe]") {
  const std::vector<std::function<void(ProbeMachine&)>> changes = {
      [](ProbeMachine&) {},
      [](ProbeMachine& m) { m.device = "cuda"; },
      [](ProbeMachine& m) { m.threads = 47; },
      [](ProbeMachine& m) { m.products = "bfloat16"; },
      [](ProbeMachine& m) { m.arithmetic_version = 8; },
      [](ProbeMachine& m) { m.program_version = "0.1.1"; },
      [](ProbeMachine& m) { m.torch_version = "2.15.1"; },
      [](ProbeMachine& m) { m.vector_level = "AVX2"; },
      [](ProbeMachine& m) { m.program_version += ";6:2.15.0", m.torch_version = ""; }};
  std::set<std::string> digests;
  for (const auto& change : changes) {
    ProbeMachine machine = kMachine;
    change(machine);
    digests.insert(ArithmeticDigest(machine));
  }
  CHECK(digests.size() == changes.size());
}

TEST_CASE("This process says what it computes with", "[probe]") {
  const ProbeMachine machine = ThisMachine(Device::kCpu, 3, ProbeProducts::kBfloat16);
  CHECK(machine.device == "cpu");
  CHECK(machine.threads == 3);
  CHECK(machine.products == "bfloat16");
  CHECK(machine.arithmetic_version == kProbeArithmeticVersion);
  CHECK_FALSE(machine.program_version.empty());
  CHECK_FALSE(machine.torch_version.empty());
  CHECK_FALSE(machine.vector_level.empty());
  CHECK(ThisMachine(Device::kCpu, 3).products == "float32");
}

}  // namespace
}  // namespace kalavai

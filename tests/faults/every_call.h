// One operation under every fault at every file call it makes.
//
//   ForEveryFault({.prepare = …, .act = …, .inspect = …});
//
// For each kind of fault and N = 1, 2, … until the Nth call is not reached: a fresh directory is
// prepared; `act` runs with its Nth call failing; `inspect` must hold whatever came of it; `act`
// runs again without a fault and must succeed; `inspect` must hold again.
#ifndef KALAVAI_TESTS_FAULTS_EVERY_CALL_H_
#define KALAVAI_TESTS_FAULTS_EVERY_CALL_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "tests/support/faulty_file_system.h"

namespace kalavai::testing {

struct FaultScenario {
  std::function<void(const std::string& directory)> prepare = [](const std::string&) {};
  std::function<absl::Status(const std::string& directory)> act = {};
  // `done`: act returned OK at least once.
  std::function<void(const std::string& directory, bool done)> inspect = {};
  // The reason with which `act` may refuse to be repeated after a persistent fault, under which
  // nothing can be taken back; inspected as done.
  std::string refusal_after_persistent = "";
  // Whether an interrupted call (EINTR) and a short write are no errors but are gone on with.
  bool goes_on_when_interrupted = true;
};

// EIO, ENOSPC, EINTR and short writes; once and from then on.
std::vector<Fault> AllFaults();

// Returns the number of runs, so that a test can require that there were any.
int64_t ForEveryFault(const FaultScenario& scenario);

// Whether a path below `directory` has ".tmp-" or ".put-" in its name.
bool HasTemporaryFile(const std::string& directory);

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_FAULTS_EVERY_CALL_H_

#include "tests/faults/every_call.h"

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::testing {
namespace {

// Whether the call can be forgiven for a file it leaves behind: it could not remove it.
bool RemovalFailed(const FaultyFileSystem& faults, const Fault& fault) {
  return faults.fired() && (fault.persistent || absl::StartsWith(faults.failed_call(), "unlink"));
}

bool MustGoOn(const FaultScenario& scenario, const Fault& fault) {
  const bool interrupted = fault.kind == FaultKind::kShortWrite || fault.error == EINTR;
  return interrupted && !fault.persistent && scenario.goes_on_when_interrupted;
}

// Returns whether the fault was reached.
bool RunOnce(const FaultScenario& scenario, const Fault& fault) {
  const TempDir temp;
  const std::string directory = std::filesystem::canonical(temp.path()).string();
  scenario.prepare(directory);
  FaultyFileSystem faults(directory, fault);
  const absl::Status status = scenario.act(directory);
  faults.Disarm();
  INFO("call " << fault.call << " (" << faults.failed_call() << "), errno " << fault.error
               << (fault.persistent ? ", persistent: " : ": ") << status.ToString());
  if (!faults.fired()) REQUIRE(status.ok());
  if (!status.ok()) {
    REQUIRE_FALSE(GetErrorReason(status).empty());
    REQUIRE(absl::StrContains(status.message(), directory));
    REQUIRE_FALSE(MustGoOn(scenario, fault));
  }
  scenario.inspect(directory, status.ok());
  if (!RemovalFailed(faults, fault)) REQUIRE_FALSE(HasTemporaryFile(directory));
  const absl::Status again = scenario.act(directory);
  if (!fault.persistent || GetErrorReason(again) != scenario.refusal_after_persistent) {
    REQUIRE_OK(again);
  }
  scenario.inspect(directory, true);
  return faults.fired();
}

}  // namespace

std::vector<Fault> AllFaults() {
  std::vector<Fault> faults;
  for (const bool persistent : {false, true}) {
    for (const int error : {EIO, ENOSPC})
      faults.push_back({.error = error, .persistent = persistent});
    faults.push_back({.persistent = persistent, .kind = FaultKind::kShortWrite});
  }
  faults.push_back({.error = EINTR});  // for ever would be an endless loop, rightly
  return faults;
}

int64_t ForEveryFault(const FaultScenario& scenario) {
  int64_t runs = 0;
  for (Fault fault : AllFaults()) {
    for (fault.call = 1; RunOnce(scenario, fault); ++fault.call) {
      REQUIRE(fault.call < 10'000);
      ++runs;
    }
  }
  return runs;
}

bool HasTemporaryFile(const std::string& directory) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (absl::StrContains(name, ".tmp-") || absl::StrContains(name, ".put-")) return true;
  }
  return false;
}

}  // namespace kalavai::testing

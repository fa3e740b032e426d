// Makes one ordered probe pass in this process: the same code and, for the same machine, the same
// bytes as inside a fusion. A pass that was ended in any way goes on from its last whole batch.
//
//   ASSIGN_OR_RETURN(const PassRun run, MakePass(work, name, {.wait = true, .progress = show}));
//
// One model in memory. SetThreads is called with the order's number: one pass at a time in a
// process, and no other tensor operation beside it.
#ifndef KALAVAI_COORDINATOR_FUSION_PASS_JOB_H_
#define KALAVAI_COORDINATOR_FUSION_PASS_JOB_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/model/device.h"
#include "coordinator/fusion/pass_order.h"

namespace kalavai::coordinator {

struct PassJobOptions {
  bool wait = false;  // for another process that makes the same pass; else PROBE_PASS_HELD
  // As ProbePassOptions::progress.
  std::function<absl::Status(int64_t chunks_done, int64_t chunks)> progress = {};
};

struct PassRun {
  PassOrder order;
  std::string cache;  // path of the file
  int64_t chunks = 0;
  bool made = false;  // false: it was there, or another process made it meanwhile
};

// Errors: those of ReadPassOrder, LoadPassText, OpenDevice and MeasureModel; FAILED_PRECONDITION
// PROBE_PASS_MISMATCH (metadata `field`, `found`, `wanted`) when this process would compute other
// bits; PROBE_PASS_NOT_FOUND also when the pass was taken back while it ran: nothing is left of it.
absl::StatusOr<PassRun> MakePass(const std::string& work, const std::string& name,
                                 const PassJobOptions& options);

enum class PassState { kOpen, kHeld, kMade, kInvalid };
absl::string_view PassStateName(PassState state);  // "OPEN", "HELD", "MADE", "INVALID"

struct ListedPass {
  std::string name;
  PassState state = PassState::kOpen;
  std::string detail;  // HELD: by whom; INVALID: why
  PassOrder order;     // not of INVALID
};

// Every pass that is ordered, by name. A cache file counts as made when it is there; whoever uses
// it checks it.
absl::StatusOr<std::vector<ListedPass>> ListPasses(const std::string& work);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_PASS_JOB_H_

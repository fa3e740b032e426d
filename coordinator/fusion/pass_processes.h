// Probe passes as child processes, several at once: one model in memory each.
//
//   RETURN_IF_ERROR(RunPassProcesses(names, {.program = "/proc/self/exe", .data = data,
//                                            .count = 4, .go_on = …, .on_end = …}));
//
// Each child is `program probe run NAME --wait --data DATA`: what an administrator types or a batch
// system starts. Killed, it is started again and goes on from its last whole batch; after
// limits::kProbeJobAttempts deaths the machine is taken to be too small. If this process dies the
// children go on: their locks tell its successor, which waits for what they make.
//
// Errors: what go_on and on_end returned; the reason and message a child ended with; UNAVAILABLE
// PROBE_JOB_FAILED (metadata `pass`). Children are told to stop (SIGTERM) and awaited before any
// error is returned; one that does not within limits::kDrainSeconds is killed. Blocks; one thread.
#ifndef KALAVAI_COORDINATOR_FUSION_PASS_PROCESSES_H_
#define KALAVAI_COORDINATOR_FUSION_PASS_PROCESSES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace kalavai::coordinator {

struct PassProcessesOptions {
  std::string program;  // path of kalavai-coordinator
  std::string data;     // of which DATA/fusions holds the passes
  int64_t count = 1;    // at once
  // Asked every limits::kProbePollMilliseconds; a status ends everything.
  std::function<absl::Status()> go_on = {};
  std::function<void(size_t index)> on_start = {};        // a pass, not again for a repetition
  std::function<absl::Status(size_t index)> on_end = {};  // its cache should be there
};

absl::Status RunPassProcesses(const std::vector<std::string>& names,
                              const PassProcessesOptions& options);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_PASS_PROCESSES_H_

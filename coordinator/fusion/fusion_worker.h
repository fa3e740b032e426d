// Runs fusions, one at a time, on a thread of its own:
//
//   QUEUED → PROBING → TRAINING_ROUTER → EVALUATING → SUCCEEDED   (or FAILED, with a reason)
//
// Every state is saved before its work begins. Probe caches lie in WORK/caches/threads-N-… by model
// and probe digest and are written whole or not at all, everything else is computed anew from them
// in seconds: a coordinator that was killed goes on where it was (Resume) and ends with the same
// router and report, bit for bit. Caches are shared by all fusions: adding a specialist costs its
// pass.
//
//   WORK/caches/threads-N-<arithmetic>/*.probe.safetensors    (other last bits, other folders)
//   WORK/passes/<model>-<probe>/      passes to be made, by whom ever (pass_order.h); removed after
//   WORK/models/<digest>/             of averages and mixtures of logits, while they are read
//   WORK/fusions/<cooperative>/<fusion>/router.safetensors
//   WORK/fusions/<cooperative>/<fusion>/logit.partial   while a mixture of logits is judged
//
// A mixture of logits is judged by a pass of its own (common/probe/logit_pass.h), the work of
// EVALUATING: it goes on from the text it had reached when the coordinator was killed.
//
// Passes of the base and of the specialists are made here, one after another, or by jobs.count
// child processes at once (pass_processes.h). Either way `probe run` of another process or machine
// may take some of them: one that is held elsewhere is put off, then waited for.
//
// Once all have read the probe text, those no better than the base on their own domain's are
// quarantined, and the fusion goes on without them or ends (specialist_screening.h).
//
// A member that leaves while its fusion runs ends it: FAILED, SUBMISSION_NOT_ADMITTED. One whose
// specialist was superseded meanwhile does not: the fusion mixes what it was created with.
//
// Fixed threads (common/model/determinism.h) are part of the input: a fusion that was created with
// N threads is computed with N. Thread-safe.
#ifndef KALAVAI_COORDINATOR_FUSION_FUSION_WORKER_H_
#define KALAVAI_COORDINATOR_FUSION_FUSION_WORKER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/base/clock.h"
#include "common/base/machine_memory.h"
#include "common/base/worker_queue.h"
#include "common/model/device.h"
#include "common/probe/probe_cache.h"
#include "common/probe/probe_machine.h"
#include "common/router/member_statistics.h"
#include "common/storage/blob_store.h"
#include "common/storage/sqlite.h"
#include "coordinator/audit.h"
#include "coordinator/fusion/fusion_figures.h"
#include "coordinator/fusion/fusion_input.h"
#include "coordinator/fusion/fusion_store.h"
#include "coordinator/fusion/fusion_watch.h"
#include "coordinator/fusion/logit_memory.h"
#include "coordinator/fusion/pass_order.h"
#include "coordinator/fusion/specialist_screening.h"

namespace kalavai::coordinator {

// Processes for probe passes. 1: none, this one makes them.
struct ProbeJobs {
  int64_t count = 1;
  std::string program = "/proc/self/exe";  // kalavai-coordinator
};

class FusionWorker {
 public:
  struct Dependencies {
    Database& database;
    FusionSources sources;
    FusionStore& fusions;
    const BlobStore& blobs;
    Audit& audit;
    Quarantine quarantine;  // of a specialist that is no better than the base
    FusionWatch& watch;
    const Clock& clock;
    Device device = Device::kCpu;  // of the probe passes; from OpenDevice
    ProbeJobs jobs = {};
    // Bytes that a fusion may take now; nothing: not known.
    std::function<std::optional<int64_t>()> free_memory = FreeMemory;
    // Called on the worker's thread when a fusion leaves a state, with the seconds it spent there
    // since this process took it up, and once with its final state and the seconds of them all.
    std::function<void(FusionState, double)> on_state = {};
    // Called on the worker's thread before a model reads the probe text, here or in a process of
    // its own, with the name its arrays are kept under ("logit-mixture": all of them, for the
    // judging of it). What is in the caches is not read again.
    std::function<void(absl::string_view model)> on_pass = {};
    // Called on the worker's thread when a fusion is final.
    std::function<void(const std::string& fusion)> on_end = {};
  };

  // `work_directory`: DATA/fusions, of this name; made when missing.
  FusionWorker(const Dependencies& dependencies, std::string work_directory);
  ~FusionWorker() { Stop(); }
  FusionWorker(const FusionWorker&) = delete;
  FusionWorker& operator=(const FusionWorker&) = delete;

  // A fusion was put into the store: it runs after those that were there before. The store is the
  // queue, so that what was committed is never left standing. SHUTTING_DOWN.
  absl::Status Wake();
  // Whether what the plan holds in memory at once fits now. OUT_OF_MEMORY (logit_memory.h).
  absl::Status CheckFits(const FusionPlan& plan) const {
    if (dependencies_.device != Device::kCpu) return absl::OkStatus();  // another memory
    return CheckLogitMemory(dependencies_.blobs, plan, dependencies_.free_memory());
  }
  // Goes on with every unfinished fusion: once, when the server starts.
  absl::Status Resume();
  // Stops after the batch under way; the fusion stays in its state and Resume goes on with it.
  void Stop() {
    stopping_ = true;
    queue_.Stop();
  }

  // A member has left: whatever runs looks again whether it may go on, before its next batch.
  void Recheck() { recheck_ = true; }
  // Deletes what fusions derived from members that have left: the probe arrays of their specialists
  // and of averages that hold them, directories being read, and the routers of fusions with them,
  // except of `kept` (resource names). Repeating it is harmless.
  absl::Status EraseWithdrawn(const std::vector<std::string>& kept) const;

  // Wake-ups that wait, and those that found the queue full.
  WorkerQueue::Counts counts() const { return queue_.counts(); }

  // Where a finished fusion's router lies.
  std::string RouterPath(absl::string_view fusion) const;

 private:
  struct Job;

  void RunWaiting();
  void Run(const std::string& fusion);
  void Tell(FusionState state, const Stopwatch& watch) const;
  absl::Status Work(const std::string& fusion);
  absl::Status Enter(Job& job, FusionState state, const FusionProgress& progress);
  absl::StatusOr<FusionPlan> PlanAgain(const FusionRecord& record) const;
  absl::Status MayGoOn(const FusionRecord& record) {
    return recheck_.exchange(false) ? PlanAgain(record).status() : absl::OkStatus();
  }
  absl::Status Prepare(const std::string& fusion, Job& job);
  absl::Status Probe(Job& job);
  absl::Status CheckMemory(const Job& job) const;
  PassOrder OrderOf(const Job& job, size_t index) const;
  absl::Status ProbeModels(Job& job);
  absl::Status Screen(Job& job);
  absl::Status PlanInto(Job& job) const;
  absl::Status ProbeHere(Job& job, std::vector<size_t> models);
  absl::Status ProbeInProcesses(Job& job, const std::vector<size_t>& models);
  absl::Status Count(Job& job);
  absl::StatusOr<ProbeCache> ProbeAverage(const Job& job);
  absl::StatusOr<ProbeCache> ProbeReference(const Job& job, const ReferenceModel& reference);
  absl::StatusOr<ProbeCache> RunPass(const Job& job, const std::string& directory,
                                     const ProbeCacheKey& key, bool features, bool wait);
  absl::StatusOr<std::vector<ClassStatistics>> ReadMemberStatistics(Job& job, int width) const;
  absl::Status JudgeLogits(Job& job, std::span<const int32_t> chunks, FiguresInput& input);
  absl::Status Finish(Job& job);
  absl::Status Save(const Job& job, const FusionOutcome& outcome, const Digest& router_digest,
                    const FusionReport& report);
  absl::Status Fail(const std::string& fusion, absl::Status status);
  void RemoveModels() const;
  void RemovePasses() const;

  std::string FilePath(absl::string_view fusion, absl::string_view file) const;
  ProbeMachine MachineOf(const FusionRecord& record) const;
  ProbeCacheKey KeyOf(const Job& job, const std::string& model_digest) const;
  std::string CachePath(const Job& job, const ProbeCacheKey& key) const;
  std::string ModelDirectory(absl::string_view digest) const {
    return absl::StrCat(work_directory_, "/models/", digest);
  }

  const Dependencies dependencies_;
  const std::string work_directory_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> recheck_ = false;
  WorkerQueue queue_;  // last: its thread uses everything above
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_FUSION_WORKER_H_

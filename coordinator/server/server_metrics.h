// What the server asks of its own parts when somebody reads the metrics: disk, queues, database,
// log. Every family has a row in docs/metrics.md.
//
//   ServerMetrics server_metrics(metrics);
//   metrics.OnCollect([&] { server_metrics.Set({.disk_free_bytes = …}); });
//   server_metrics.CountVerdict("QUARANTINED", "DIVERGENCE_NEGATIVE");
//
// Thread-safe.
#ifndef KALAVAI_COORDINATOR_SERVER_SERVER_METRICS_H_
#define KALAVAI_COORDINATOR_SERVER_SERVER_METRICS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "common/base/metrics.h"
#include "common/base/worker_queue.h"

namespace kalavai::coordinator {

class ServerMetrics {
 public:
  // Adds the families; those that count begin at 0, so that no series is missing.
  explicit ServerMetrics(Metrics& metrics);

  struct Queue {
    std::string name;  // "uploads", "admission", "fusions", "generation"
    WorkerQueue::Counts counts;
  };
  // A moment. Negative = not known now; the last value stays.
  struct Sample {
    int64_t disk_free_bytes = -1;
    int64_t staging_bytes = -1;
    int64_t uploads_open = -1;
    int64_t database_bytes = -1;
    int64_t log_leaves = -1;
    int64_t upload_bytes_received = -1;
    int64_t prompt_tokens = -1;
    int64_t output_tokens = -1;
    // How many unfinished fusions are in each state, "QUEUED"; the states left out have none.
    std::optional<std::map<std::string, int64_t>> fusions = {};
    std::vector<Queue> queues = {};
  };
  void Set(const Sample& sample) const;

  // `state`: the submission's, in upper case; also for an administrator's decision. `reason`: of
  // the check that did not pass, or "".
  void CountVerdict(absl::string_view state, absl::string_view reason) const;
  // What an administrator decided of a quarantined submission.
  void CountDecision(bool admit) const;
  // A fusion left `state` ("PROBING") after `seconds`; with a final one, the seconds of them all.
  void CountFusionState(absl::string_view state, double seconds) const;
  // A model reads the probe text for a fusion.
  void CountFusionPass() const;
  // One check of readiness.
  void SetCheck(absl::string_view check, bool passed) const;

 private:
  const GaugeFamily build_info_;
  const GaugeFamily disk_free_bytes_;
  const GaugeFamily staging_bytes_;
  const GaugeFamily uploads_open_;
  const GaugeFamily database_bytes_;
  const GaugeFamily log_leaves_;
  const GaugeFamily queue_waiting_;
  const CounterFamily queue_refused_;
  const CounterFamily queue_failed_;
  const CounterFamily log_lines_;
  const CounterFamily submissions_;
  const CounterFamily decisions_;
  const CounterFamily upload_bytes_;
  const GaugeFamily fusions_;
  const CounterFamily fusions_ended_;
  const HistogramFamily fusion_seconds_;
  const CounterFamily fusion_passes_;
  const CounterFamily tokens_;
  const GaugeFamily ready_;
};

// Bytes free for us on the disk of `path`; -1 when it cannot be told.
int64_t DiskFreeBytes(const std::string& path);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVER_SERVER_METRICS_H_

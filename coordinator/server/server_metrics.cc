#include "coordinator/server/server_metrics.h"

#include "absl/strings/ascii.h"
#include <sys/statvfs.h>

#include "common/base/logging.h"
#include "common/base/version.h"

namespace kalavai::coordinator {
namespace {

constexpr LogLevel kCountedLevels[] = {LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError};

// As in fusion.proto, in their order.
constexpr const char* kUnfinishedStates[] = {"QUEUED", "PROBING", "TRAINING_ROUTER", "EVALUATING"};

void SetKnown(const GaugeFamily& gauge, int64_t value) {
  if (value >= 0) gauge.Set({}, static_cast<double>(value));
}

void RaiseKnown(const CounterFamily& counter, LabelValues labels, int64_t total) {
  if (total >= 0) counter.RaiseTo(labels, static_cast<double>(total));
}

}  // namespace

ServerMetrics::ServerMetrics(Metrics& metrics)
    : build_info_(metrics.AddGauge({.name = "kalavai_build_info",
                                    .meaning = "Always 1; the labels say what runs",
                                    .labels = {"version", "commit"}})),
      disk_free_bytes_(
          metrics.AddGauge({.name = "kalavai_disk_free_bytes",
                            .meaning = "Free space on the disk of the data directory"})),
      staging_bytes_(metrics.AddGauge(
          {.name = "kalavai_staging_bytes", .meaning = "Bytes of uploads that are not complete"})),
      uploads_open_(metrics.AddGauge(
          {.name = "kalavai_uploads_open", .meaning = "Files in staging: begun and not complete"})),
      database_bytes_(metrics.AddGauge(
          {.name = "kalavai_database_bytes", .meaning = "The database and its write-ahead log"})),
      log_leaves_(metrics.AddGauge(
          {.name = "kalavai_log_leaves", .meaning = "Leaves of the transparency log"})),
      queue_waiting_(metrics.AddGauge({.name = "kalavai_queue_waiting_tasks",
                                       .meaning = "Tasks that wait for a worker",
                                       .labels = {"queue"}})),
      queue_refused_(metrics.AddCounter({.name = "kalavai_queue_refused_total",
                                         .meaning = "Tasks refused with QUEUE_FULL",
                                         .labels = {"queue"}})),
      queue_failed_(metrics.AddCounter({.name = "kalavai_queue_failed_total",
                                        .meaning = "Tasks that threw; always our fault",
                                        .labels = {"queue"}})),
      log_lines_(metrics.AddCounter({.name = "kalavai_log_lines_total",
                                     .meaning = "Lines of the server's own log",
                                     .labels = {"level"}})),
      submissions_(metrics.AddCounter({.name = "kalavai_submissions_total",
                                       .meaning = "Submissions decided, by the state they got",
                                       .labels = {"state", "reason"}})),
      decisions_(
          metrics.AddCounter({.name = "kalavai_decisions_total",
                              .meaning = "Administrators' decisions of quarantined submissions",
                              .labels = {"decision"}})),
      upload_bytes_(metrics.AddCounter({.name = "kalavai_upload_received_bytes_total",
                                        .meaning = "Bytes that uploads brought"})),
      fusions_(metrics.AddGauge({.name = "kalavai_fusions",
                                 .meaning = "Unfinished fusions, by their state",
                                 .labels = {"state"}})),
      fusions_ended_(metrics.AddCounter({.name = "kalavai_fusions_total",
                                         .meaning = "Fusions that ended, by their final state",
                                         .labels = {"state"}})),
      fusion_seconds_(metrics.AddHistogram(
          {.name = "kalavai_fusion_duration_seconds",
           .meaning = "Time a fusion spent in a state; in a final one, of all of them together",
           .labels = {"state"}},
          {1, 10, 60, 300, 1800, 7200, 43'200, 259'200})),
      fusion_passes_(
          metrics.AddCounter({.name = "kalavai_fusion_probe_passes_total",
                              .meaning = "Times a model read the probe text; kept arrays need none",
                              .labels = {}})),
      tokens_(metrics.AddCounter({.name = "kalavai_generation_tokens_total",
                                  .meaning = "Tokens read (prompt) and generated (output)",
                                  .labels = {"kind"}})),
      ready_(metrics.AddGauge({.name = "kalavai_ready",
                               .meaning = "1 when this check of readiness passed last, else 0",
                               .labels = {"check"}})) {
  build_info_.Set({Version(), Commit()}, 1);
  submissions_.Increment({"admitted", ""}, 0);
  for (const char* decision : {"admitted", "rejected"}) decisions_.Increment({decision}, 0);
  for (const char* state : {"succeeded", "failed"}) fusions_ended_.Increment({state}, 0);
  fusion_passes_.Increment({}, 0);
}

void ServerMetrics::Set(const Sample& sample) const {
  SetKnown(disk_free_bytes_, sample.disk_free_bytes);
  SetKnown(staging_bytes_, sample.staging_bytes);
  SetKnown(uploads_open_, sample.uploads_open);
  SetKnown(database_bytes_, sample.database_bytes);
  SetKnown(log_leaves_, sample.log_leaves);
  RaiseKnown(upload_bytes_, {}, sample.upload_bytes_received);
  RaiseKnown(tokens_, {"prompt"}, sample.prompt_tokens);
  RaiseKnown(tokens_, {"output"}, sample.output_tokens);
  if (sample.fusions.has_value()) {
    for (const char* state : kUnfinishedStates) {
      const auto found = sample.fusions->find(state);
      const int64_t count = found == sample.fusions->end() ? 0 : found->second;
      fusions_.Set({absl::AsciiStrToLower(state)}, static_cast<double>(count));
    }
  }
  for (const Queue& queue : sample.queues) {
    queue_waiting_.Set({queue.name}, static_cast<double>(queue.counts.waiting));
    queue_refused_.RaiseTo({queue.name}, static_cast<double>(queue.counts.refused));
    queue_failed_.RaiseTo({queue.name}, static_cast<double>(queue.counts.failed));
  }
  for (const LogLevel level : kCountedLevels) {
    log_lines_.RaiseTo({LogLevelName(level)}, static_cast<double>(LogLinesWritten(level)));
  }
}

void ServerMetrics::CountVerdict(absl::string_view state, absl::string_view reason) const {
  submissions_.Increment({absl::AsciiStrToLower(state), reason});
}

void ServerMetrics::CountDecision(bool admit) const {
  decisions_.Increment({admit ? "admitted" : "rejected"});
}

void ServerMetrics::CountFusionState(absl::string_view state, double seconds) const {
  const std::string label = absl::AsciiStrToLower(state);
  if (state == "SUCCEEDED" || state == "FAILED") fusions_ended_.Increment({label});
  fusion_seconds_.Observe({label}, seconds);
}

void ServerMetrics::CountFusionPass() const { fusion_passes_.Increment({}); }

void ServerMetrics::SetCheck(absl::string_view check, bool passed) const {
  ready_.Set({check}, passed ? 1 : 0);
}

int64_t DiskFreeBytes(const std::string& path) {
  struct statvfs disk = {};
  if (statvfs(path.c_str(), &disk) != 0) return -1;
  return static_cast<int64_t>(disk.f_bavail * disk.f_frsize);
}

}  // namespace kalavai::coordinator

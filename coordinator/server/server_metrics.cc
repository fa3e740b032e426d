#include "coordinator/server/server_metrics.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include <sys/statvfs.h>

#include "common/base/logging.h"
#include "common/base/version.h"

namespace kalavai::coordinator {
namespace {

constexpr LogLevel kCountedLevels[] = {LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError};

void SetKnown(const GaugeFamily& gauge, int64_t value) {
  if (value >= 0) gauge.Set({}, static_cast<double>(value));
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
                                       .labels = {"state"}})),
      ready_(metrics.AddGauge({.name = "kalavai_ready",
                               .meaning = "1 when this check of readiness passed last, else 0",
                               .labels = {"check"}})) {
  build_info_.Set({Version(), Commit()}, 1);
  for (const char* state : {"admitted", "quarantined", "rejected"}) {
    submissions_.Increment({state}, 0);
  }
}

void ServerMetrics::Set(const Sample& sample) const {
  SetKnown(disk_free_bytes_, sample.disk_free_bytes);
  SetKnown(staging_bytes_, sample.staging_bytes);
  SetKnown(uploads_open_, sample.uploads_open);
  SetKnown(database_bytes_, sample.database_bytes);
  SetKnown(log_leaves_, sample.log_leaves);
  for (const Queue& queue : sample.queues) {
    queue_waiting_.Set({queue.name}, static_cast<double>(queue.counts.waiting));
    queue_refused_.RaiseTo({queue.name}, static_cast<double>(queue.counts.refused));
    queue_failed_.RaiseTo({queue.name}, static_cast<double>(queue.counts.failed));
  }
  for (const LogLevel level : kCountedLevels) {
    log_lines_.RaiseTo({LogLevelName(level)}, static_cast<double>(LogLinesWritten(level)));
  }
}

void ServerMetrics::CountVerdict(absl::string_view state) const {
  submissions_.Increment({absl::AsciiStrToLower(state)});
}

void ServerMetrics::SetCheck(absl::string_view check, bool passed) const {
  ready_.Set({check}, passed ? 1 : 0);
}

int64_t DiskFreeBytes(const std::string& path) {
  struct statvfs disk = {};
  if (statvfs(path.c_str(), &disk) != 0) return -1;
  return static_cast<int64_t>(disk.f_bavail * disk.f_frsize);
}

int64_t BytesUnder(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  int64_t bytes = 0;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code vanished;  // a file may be moved to its place meanwhile
    if (!at->is_regular_file(vanished)) continue;
    const auto size = static_cast<int64_t>(at->file_size(vanished));
    if (!vanished) bytes += size;
  }
  return bytes;
}

}  // namespace kalavai::coordinator

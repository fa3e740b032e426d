// Goal: docs/metrics.md and the code name the same metrics; samples come out as they went in.
// Method: every family the server adds against the rows of the table, both ways.
#include "coordinator/server/server_metrics.h"

#include <regex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "coordinator/server/rpc_metrics.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("docs/metrics.md has a row for each metric, and none for others", "[server]") {
  Metrics metrics;
  const RpcMetrics rpc(metrics);
  const ServerMetrics server(metrics);
  std::vector<std::string> wanted;
  for (const MetricInfo& info : metrics.List()) {
    wanted.push_back(absl::StrCat("| `", info.name, "` | ", info.kind, " | ",
                                  absl::StrJoin(info.labels, ", "),
                                  info.labels.empty() ? "| " : " | "));
  }
  const std::string document = testing::ReadFile(KALAVAI_SOURCE_DIR "/docs/metrics.md");
  for (const std::string& row : wanted) {
    INFO(row);
    CHECK(absl::StrContains(document, row));
  }
  const std::regex row(R"(\n\| `kalavai_)");
  CHECK(std::distance(std::sregex_iterator(document.begin(), document.end(), row),
                      std::sregex_iterator()) == static_cast<std::ptrdiff_t>(wanted.size()));
}

TEST_CASE("A sample comes out as text; what is not known keeps its last value", "[server]") {
  Metrics metrics;
  const ServerMetrics server(metrics);
  server.Set({.disk_free_bytes = 5,
              .log_leaves = 7,
              .upload_bytes_received = 9,
              .output_tokens = 4,
              .fusions = {{{"PROBING", 1}}},
              .queues = {{.name = "uploads", .counts = {.waiting = 2, .refused = 3}}}});
  server.Set({.disk_free_bytes = -1, .log_leaves = 8});
  server.CountVerdict("QUARANTINED", "DIVERGENCE_NEGATIVE");
  server.CountDecision(true);
  server.CountFusionState("PROBING", 30);
  server.CountFusionState("FAILED", 31);
  server.SetCheck("disk", false);
  const std::string text = metrics.Text();
  INFO(text);
  for (const char* line :
       {"\nkalavai_disk_free_bytes 5\n", "\nkalavai_log_leaves 8\n",
        "\nkalavai_queue_waiting_tasks{queue=\"uploads\"} 2\n",
        "\nkalavai_queue_refused_total{queue=\"uploads\"} 3\n",
        "\nkalavai_submissions_total{reason=\"DIVERGENCE_NEGATIVE\",state=\"quarantined\"} 1\n",
        "\nkalavai_submissions_total{reason=\"\",state=\"admitted\"} 0\n",
        "\nkalavai_decisions_total{decision=\"admitted\"} 1\n",
        "\nkalavai_decisions_total{decision=\"rejected\"} 0\n",
        "\nkalavai_upload_received_bytes_total 9\n", "\nkalavai_fusions{state=\"probing\"} 1\n",
        "\nkalavai_fusions{state=\"queued\"} 0\n", "\nkalavai_fusions_total{state=\"failed\"} 1\n",
        "\nkalavai_fusions_total{state=\"succeeded\"} 0\n",
        "\nkalavai_fusion_duration_seconds_sum{state=\"probing\"} 30\n",
        "\nkalavai_generation_tokens_total{kind=\"output\"} 4\n",
        "\nkalavai_ready{check=\"disk\"} 0\n"}) {
    INFO(line);
    CHECK(absl::StrContains(text, line));
  }
}

TEST_CASE("Free space is of the disk of a directory, and unknown of a missing one", "[server]") {
  const testing::TempDir directory;
  CHECK(DiskFreeBytes(directory.path()) > 0);
  CHECK(DiskFreeBytes(directory.File("missing")) == -1);
}

}  // namespace
}  // namespace kalavai::coordinator

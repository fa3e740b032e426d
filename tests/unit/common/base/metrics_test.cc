// Goal: what is counted is what a scraper reads, and names keep the rules of docs/metrics.md.
// Method: the text of a small registry, line by line; increments from many threads at once.
#include "common/base/metrics.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/blocking_counter.h"

#include "common/base/worker_queue.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

bool HasLine(const std::string& text, const std::string& wanted) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line == wanted) return true;
  }
  return false;
}

TEST_CASE("Counters, gauges and histograms come out as Prometheus text", "[base]") {
  Metrics metrics;
  const CounterFamily verdicts = metrics.AddCounter({.name = "kalavai_submissions_total",
                                                     .meaning = "Submissions decided",
                                                     .labels = {"verdict"}});
  const GaugeFamily open =
      metrics.AddGauge({.name = "kalavai_uploads_open", .meaning = "Open uploads"});
  const HistogramFamily seconds = metrics.AddHistogram(
      {.name = "kalavai_rpc_duration_seconds", .meaning = "Time of a call", .labels = {"method"}},
      {0.1, 1});
  verdicts.Increment({"admitted"});
  verdicts.Increment({"admitted"}, 2);
  verdicts.Increment({"rejected"}, 0);
  open.Set({}, 7);
  seconds.Observe({"A/B"}, 0.5);
  seconds.Observe({"A/B"}, 5);
  const std::string text = metrics.Text();
  INFO(text);
  for (const char* line :
       {"# HELP kalavai_submissions_total Submissions decided",
        "# TYPE kalavai_submissions_total counter",
        "kalavai_submissions_total{verdict=\"admitted\"} 3",
        "kalavai_submissions_total{verdict=\"rejected\"} 0", "kalavai_uploads_open 7",
        "# TYPE kalavai_rpc_duration_seconds histogram",
        "kalavai_rpc_duration_seconds_bucket{method=\"A/B\",le=\"0.1\"} 0",
        "kalavai_rpc_duration_seconds_bucket{method=\"A/B\",le=\"1\"} 1",
        "kalavai_rpc_duration_seconds_bucket{method=\"A/B\",le=\"+Inf\"} 2",
        "kalavai_rpc_duration_seconds_count{method=\"A/B\"} 2",
        "kalavai_rpc_duration_seconds_sum{method=\"A/B\"} 5.5"}) {
    INFO(line);
    CHECK(HasLine(text, line));
  }
}

TEST_CASE("What is asked and not counted is asked before each text", "[base]") {
  Metrics metrics;
  const GaugeFamily free = metrics.AddGauge({.name = "kalavai_free_bytes", .meaning = "Free"});
  const CounterFamily refused =
      metrics.AddCounter({.name = "kalavai_refused_total", .meaning = "Refused"});
  double value = 0;
  metrics.OnCollect([&] {
    free.Set({}, ++value);
    refused.RaiseTo({}, 10 * value);
  });
  CHECK(HasLine(metrics.Text(), "kalavai_free_bytes 1"));
  const std::string second = metrics.Text();
  CHECK(HasLine(second, "kalavai_free_bytes 2"));
  CHECK(HasLine(second, "kalavai_refused_total 20"));
  value = -1;
  CHECK(HasLine(metrics.Text(), "kalavai_refused_total 20"));
}

TEST_CASE("The list has each family with its kind, in order", "[base]") {
  Metrics metrics;
  metrics.AddGauge({.name = "kalavai_b", .meaning = "B"});
  metrics.AddCounter({.name = "kalavai_a_total", .meaning = "A", .labels = {"x"}});
  const std::vector<MetricInfo> list = metrics.List();
  REQUIRE(list.size() == 2);
  CHECK(list[0].name == "kalavai_b");
  CHECK(list[0].kind == "gauge");
  CHECK(list[1].kind == "counter");
  CHECK(list[1].labels == std::vector<std::string>{"x"});
}

TEST_CASE("No increment is lost between threads", "[base][concurrency]") {
  Metrics metrics;
  const CounterFamily calls =
      metrics.AddCounter({.name = "kalavai_calls_total", .meaning = "Calls", .labels = {"code"}});
  {
    WorkerQueue queue(4, 100);
    absl::BlockingCounter done(20);
    for (int i = 0; i < 20; ++i) {
      REQUIRE_OK(queue.Add([&calls, &metrics, &done] {
        for (int k = 0; k < 200; ++k) calls.Increment({k % 2 == 0 ? "OK" : "ABORTED"});
        (void)metrics.Text();
        done.DecrementCount();
      }));
    }
    done.Wait();
  }
  CHECK(HasLine(metrics.Text(), "kalavai_calls_total{code=\"OK\"} 2000"));
  CHECK(HasLine(metrics.Text(), "kalavai_calls_total{code=\"ABORTED\"} 2000"));
}

}  // namespace
}  // namespace kalavai

// Figures an operator watches: counters, gauges and histograms in one registry, written as
// Prometheus text. docs/metrics.md lists every one of them; its test compares.
//
//   Metrics metrics;                                     // the server's; passed down, no globals
//   CounterFamily verdicts = metrics.AddCounter({.name = "kalavai_submissions_total",
//                                                .meaning = "Submissions decided",
//                                                .labels = {"verdict"}});
//   verdicts.Increment({"admitted"});
//   metrics.OnCollect([&] { free_bytes.Set({}, FreeBytes()); });
//   std::string text = metrics.Text();
//
// A name is kalavai_<noun>_<base unit>, counters end in _total. A label takes few values that the
// code enumerates: never a contributor, a path or anything a peer chose. Families are added once at
// start; a name used twice, or another number of values than labels, is our bug (KALAVAI_CHECK).
//
// Thread-safe. Families are handles: copy them freely, within the life of their Metrics.
#ifndef KALAVAI_COMMON_BASE_METRICS_H_
#define KALAVAI_COMMON_BASE_METRICS_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
template <typename T>
class Family;
}  // namespace prometheus

namespace kalavai {

struct MetricInfo {
  std::string name;
  std::string meaning;                   // one line
  std::vector<std::string> labels = {};  // names, in the order of values
  std::string kind = {};                 // counter, gauge, histogram: set by Metrics
};

using LabelValues = std::initializer_list<absl::string_view>;

template <typename T>
class MetricFamily {
 public:
  MetricFamily(prometheus::Family<T>& family, std::vector<std::string> labels)
      : family_(&family), labels_(std::move(labels)) {}

 protected:
  T& Find(LabelValues values) const;

  prometheus::Family<T>* family_;
  std::vector<std::string> labels_;
};

class CounterFamily : public MetricFamily<prometheus::Counter> {
 public:
  using MetricFamily::MetricFamily;
  // `by` is not negative; 0 makes the series appear.
  void Increment(LabelValues values = {}, double by = 1) const;
  // For totals that somebody else keeps: raises the counter to `total`, never lowers it.
  void RaiseTo(LabelValues values, double total) const;
};

class GaugeFamily : public MetricFamily<prometheus::Gauge> {
 public:
  using MetricFamily::MetricFamily;
  void Set(LabelValues values, double value) const;
};

class HistogramFamily : public MetricFamily<prometheus::Histogram> {
 public:
  HistogramFamily(prometheus::Family<prometheus::Histogram>& family,
                  std::vector<std::string> labels, std::vector<double> bounds)
      : MetricFamily(family, std::move(labels)), bounds_(std::move(bounds)) {}
  void Observe(LabelValues values, double value) const;

 private:
  std::vector<double> bounds_;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  CounterFamily AddCounter(MetricInfo info);
  GaugeFamily AddGauge(MetricInfo info);
  // `bounds`: upper ends of the buckets, ascending; +Inf is added.
  HistogramFamily AddHistogram(MetricInfo info, std::vector<double> bounds);

  // Called before each Text(), one reader at a time: for gauges of what is asked, not counted.
  void OnCollect(std::function<void()> update);

  // The exposition format, version 0.0.4.
  std::string Text();

  // Every family, in the order they were added.
  std::vector<MetricInfo> List() const;

 private:
  void Remember(MetricInfo& info, absl::string_view kind);

  const std::shared_ptr<prometheus::Registry> registry_;
  mutable absl::Mutex mutex_;
  std::vector<MetricInfo> families_ ABSL_GUARDED_BY(mutex_);
  absl::Mutex collect_mutex_;
  std::vector<std::function<void()>> updates_ ABSL_GUARDED_BY(collect_mutex_);
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_METRICS_H_

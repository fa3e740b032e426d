#include "common/base/metrics.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace kalavai {
namespace {

std::map<std::string, std::string> Labels(const std::vector<std::string>& names,
                                          LabelValues values) {
  KALAVAI_CHECK(names.size() == values.size(),
                absl::StrCat("a metric gets a value a label; ", values.size(), " values for ",
                             names.size(), " labels"));
  std::map<std::string, std::string> labels;
  auto value = values.begin();
  for (const std::string& name : names) labels.emplace(name, *value++);
  return labels;
}

}  // namespace

template <>
prometheus::Counter& MetricFamily<prometheus::Counter>::Find(LabelValues values) const {
  return family_->Add(Labels(labels_, values));
}

template <>
prometheus::Gauge& MetricFamily<prometheus::Gauge>::Find(LabelValues values) const {
  return family_->Add(Labels(labels_, values));
}

void CounterFamily::Increment(LabelValues values, double by) const { Find(values).Increment(by); }

void CounterFamily::RaiseTo(LabelValues values, double total) const {
  prometheus::Counter& counter = Find(values);
  counter.Increment(std::max(0.0, total - counter.Value()));
}

void GaugeFamily::Set(LabelValues values, double value) const { Find(values).Set(value); }

void HistogramFamily::Observe(LabelValues values, double value) const {
  family_->Add(Labels(labels_, values), bounds_).Observe(value);
}

Metrics::Metrics() : registry_(std::make_shared<prometheus::Registry>()) {}
Metrics::~Metrics() = default;

CounterFamily Metrics::AddCounter(MetricInfo info) {
  KALAVAI_CHECK(absl::EndsWith(info.name, "_total"), absl::StrCat(info.name, " ends in _total"));
  Remember(info, "counter");
  return CounterFamily(
      prometheus::BuildCounter().Name(info.name).Help(info.meaning).Register(*registry_),
      info.labels);
}

GaugeFamily Metrics::AddGauge(MetricInfo info) {
  Remember(info, "gauge");
  return GaugeFamily(
      prometheus::BuildGauge().Name(info.name).Help(info.meaning).Register(*registry_),
      info.labels);
}

HistogramFamily Metrics::AddHistogram(MetricInfo info, std::vector<double> bounds) {
  KALAVAI_CHECK(std::is_sorted(bounds.begin(), bounds.end()),
                absl::StrCat(info.name, " has ascending bounds"));
  Remember(info, "histogram");
  return HistogramFamily(
      prometheus::BuildHistogram().Name(info.name).Help(info.meaning).Register(*registry_),
      info.labels, std::move(bounds));
}

void Metrics::Remember(MetricInfo& info, absl::string_view kind) {
  KALAVAI_CHECK(absl::StartsWith(info.name, "kalavai_"),
                absl::StrCat(info.name, " starts with kalavai_"));
  info.kind = std::string(kind);
  const absl::MutexLock lock(&mutex_);
  const bool fresh =
      std::none_of(families_.begin(), families_.end(),
                   [&info](const MetricInfo& other) { return other.name == info.name; });
  KALAVAI_CHECK(fresh, absl::StrCat(info.name, " is added once"));
  families_.push_back(info);
}

void Metrics::OnCollect(std::function<void()> update) {
  const absl::MutexLock lock(&collect_mutex_);
  updates_.push_back(std::move(update));
}

std::string Metrics::Text() {
  const absl::MutexLock lock(&collect_mutex_);
  for (const std::function<void()>& update : updates_) update();
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

std::vector<MetricInfo> Metrics::List() const {
  const absl::MutexLock lock(&mutex_);
  return families_;
}

}  // namespace kalavai

#include "tests/experiments/fusion/gate_summary.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace kalavai::experiment {
namespace {

using Json = nlohmann::json;

// Mean over rows [begin, end) of every text; [texts].
std::vector<double> TextMeans(const GateRun& run, const ProbeData& texts, int begin, int end) {
  std::vector<double> means;
  const auto rows = static_cast<size_t>(texts.rows);
  for (size_t c = 0; c < texts.domain.size(); ++c) {
    double sum = 0;
    for (int t = begin; t < end; ++t) {
      sum += static_cast<double>(run.loss[c * rows + static_cast<size_t>(t)]);
    }
    means.push_back(sum / (end - begin));
  }
  return means;
}

// Mean of every domain, [domains]; 0 for one without text.
std::vector<double> DomainMeans(const std::vector<double>& of_text, const ProbeData& texts) {
  std::vector<double> sum(texts.domains.size(), 0);
  std::vector<double> count(texts.domains.size(), 0);
  for (size_t c = 0; c < of_text.size(); ++c) {
    const auto d = static_cast<size_t>(texts.domain[c]);
    sum[d] += of_text[c];
    count[d] += 1;
  }
  for (size_t d = 0; d < sum.size(); ++d) sum[d] /= std::max(count[d], 1.0);
  return sum;
}

double EqualWeight(const std::vector<double>& by_domain, int counted) {
  double sum = 0;
  for (int d = 0; d < counted; ++d) sum += by_domain[static_cast<size_t>(d)];
  return sum / counted;
}

// Standard error of the equal-weight mean of `of_text`, domains as strata.
double ErrorOfMean(const std::vector<double>& of_text, const ProbeData& texts, int counted) {
  const std::vector<double> mean = DomainMeans(of_text, texts);
  std::vector<double> square(mean.size(), 0);
  std::vector<double> count(mean.size(), 0);
  for (size_t c = 0; c < of_text.size(); ++c) {
    const auto d = static_cast<size_t>(texts.domain[c]);
    square[d] += (of_text[c] - mean[d]) * (of_text[c] - mean[d]);
    count[d] += 1;
  }
  double variance = 0;
  for (int d = 0; d < counted; ++d) {
    const auto at = static_cast<size_t>(d);
    if (count[at] > 1) variance += square[at] / (count[at] - 1) / count[at];
  }
  return std::sqrt(variance) / counted;
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

std::vector<double> Differences(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> result;
  for (size_t i = 0; i < a.size(); ++i) result.push_back(a[i] - b[i]);
  return result;
}

void AddTimeToSwitch(const GateRun& run, const ProbeData& texts, int switch_row,
                     const std::vector<int>& source, const std::vector<int>& target, Json& json) {
  if (run.weights.empty()) return;
  const auto rows = static_cast<size_t>(texts.rows);
  const auto experts = static_cast<size_t>(texts.experts);
  std::vector<double> tokens;
  int64_t never = 0;
  for (size_t c = 0; c < texts.domain.size(); ++c) {
    if (source[c] == target[c]) continue;
    auto t = static_cast<size_t>(switch_row);
    const auto expert = static_cast<size_t>(target[c]);
    while (t < rows && run.weights[(c * rows + t) * experts + expert] <= 0.5F) ++t;
    if (t == rows) ++never;
    tokens.push_back(static_cast<double>(t) - switch_row);
  }
  if (tokens.empty()) return;
  std::sort(tokens.begin(), tokens.end());
  const size_t half = tokens.size() / 2;
  json["tokens_to_switch"] =
      tokens.size() % 2 == 1 ? tokens[half] : (tokens[half - 1] + tokens[half]) / 2;
  json["never_percent"] = 100.0 * static_cast<double>(never) / static_cast<double>(tokens.size());
}

}  // namespace

nlohmann::json SummarisePure(const GateRun& run, const GateRun& oracle, const ProbeData& texts,
                             int counted) {
  const std::vector<double> own = TextMeans(run, texts, 0, texts.rows);
  const std::vector<double> best = TextMeans(oracle, texts, 0, texts.rows);
  const std::vector<double> by_domain = DomainMeans(own, texts);
  const double loss = EqualWeight(by_domain, counted);
  const double oracle_loss = EqualWeight(DomainMeans(best, texts), counted);
  Json json = {{"name", run.name},
               {"by_domain", by_domain},
               {"loss", loss},
               {"gap", loss - oracle_loss},
               {"gap_percent", 100 * (loss - oracle_loss) / oracle_loss},
               {"gap_error", ErrorOfMean(Differences(own, best), texts, counted)},
               {"buckets", Json::array()},
               {"bucket_gaps", Json::array()}};
  const int bounds[] = {0, 8, 32, 128, texts.rows};
  for (size_t b = 0; b + 1 < std::size(bounds) && bounds[b] < texts.rows; ++b) {
    const int end = std::min(bounds[b + 1], texts.rows);
    const double own_loss =
        EqualWeight(DomainMeans(TextMeans(run, texts, bounds[b], end), texts), counted);
    const double its_oracle =
        EqualWeight(DomainMeans(TextMeans(oracle, texts, bounds[b], end), texts), counted);
    json["buckets"].push_back(own_loss);
    json["bucket_gaps"].push_back(own_loss - its_oracle);
  }
  return json;
}

nlohmann::json SummariseSpliced(const GateRun& run, const GateRun& oracle, const ProbeData& texts,
                                int switch_row, const std::vector<int>& source,
                                const std::vector<int>& target) {
  const std::vector<double> gaps =
      Differences(TextMeans(run, texts, 0, texts.rows), TextMeans(oracle, texts, 0, texts.rows));
  const double loss = Mean(TextMeans(run, texts, 0, texts.rows));
  const double oracle_loss = Mean(TextMeans(oracle, texts, 0, texts.rows));
  double square = 0;
  for (const double gap : gaps) square += (gap - Mean(gaps)) * (gap - Mean(gaps));
  const auto n = static_cast<double>(gaps.size());
  Json json = {{"loss", loss},
               {"gap", loss - oracle_loss},
               {"gap_percent", 100 * (loss - oracle_loss) / oracle_loss},
               {"gap_error", n > 1 ? std::sqrt(square / (n - 1) / n) : 0},
               {"after_switch", Json::array()},
               {"after_switch_gaps", Json::array()}};
  const int bounds[] = {0, 8, 32, 128};
  for (size_t b = 0; b + 1 < std::size(bounds) && switch_row + bounds[b] < texts.rows; ++b) {
    const int begin = switch_row + bounds[b];
    const int end = std::min(switch_row + bounds[b + 1], texts.rows);
    const double own_loss = Mean(TextMeans(run, texts, begin, end));
    json["after_switch"].push_back(own_loss);
    json["after_switch_gaps"].push_back(own_loss - Mean(TextMeans(oracle, texts, begin, end)));
  }
  AddTimeToSwitch(run, texts, switch_row, source, target, json);
  return json;
}

}  // namespace kalavai::experiment

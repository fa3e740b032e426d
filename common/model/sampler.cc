#include "common/model/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"

namespace kalavai {
namespace {

bool Drawable(float log_prob) { return log_prob > -std::numeric_limits<float>::infinity(); }

int32_t MostProbable(std::span<const float> log_probs) {
  size_t best = 0;
  for (size_t i = 1; i < log_probs.size(); ++i) {
    if (log_probs[i] > log_probs[best] || std::isnan(log_probs[best])) best = i;
  }
  return static_cast<int32_t>(best);
}

}  // namespace

absl::Status Validate(const SamplerOptions& options) {
  const auto refuse = [](absl::string_view field, std::string found, absl::string_view range) {
    return MakeError(absl::StatusCode::kInvalidArgument, "SAMPLING_INVALID",
                     {.what = absl::StrCat("`", field, "`: ", found, " found; must be ", range),
                      .why = "no distribution over tokens is defined outside that range",
                      .fix = "use temperature 0 for the most probable token, top_p 1 and top_k 0 "
                             "for no cut",
                      .metadata = {{"field", std::string(field)}}});
  };
  if (!(options.temperature >= 0.0 && options.temperature <= 100.0)) {
    return refuse("temperature", absl::StrCat(options.temperature), "in [0, 100]");
  }
  if (!(options.top_p > 0.0 && options.top_p <= 1.0)) {
    return refuse("top_p", absl::StrCat(options.top_p), "in (0, 1]");
  }
  if (options.top_k < 0) return refuse("top_k", absl::StrCat(options.top_k), "at least 0");
  return absl::OkStatus();
}

uint64_t SplitMix64::Next() {
  state_ += 0x9E3779B97F4A7C15u;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

double SplitMix64::Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

Sampler::Sampler(const SamplerOptions& options) : options_(options), generator_(options.seed) {}

int32_t Sampler::Next(std::span<const float> log_probs) {
  if (log_probs.empty()) return 0;
  if (options_.temperature == 0.0) return MostProbable(log_probs);

  std::vector<int32_t> order;
  order.reserve(log_probs.size());
  for (size_t i = 0; i < log_probs.size(); ++i) {
    if (Drawable(log_probs[i])) order.push_back(static_cast<int32_t>(i));  // NaN compares false
  }
  if (order.empty()) return 0;
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return log_probs[static_cast<size_t>(a)] > log_probs[static_cast<size_t>(b)];
  });

  // Temperature first, then the cuts: top_p is a share of the tempered distribution of the top_k.
  if (options_.top_k > 0 && static_cast<size_t>(options_.top_k) < order.size()) {
    order.resize(static_cast<size_t>(options_.top_k));
  }
  const double largest = log_probs[static_cast<size_t>(order.front())];
  std::vector<double> weights(order.size());
  double total = 0.0;
  for (size_t i = 0; i < order.size(); ++i) {
    const double difference = log_probs[static_cast<size_t>(order[i])] - largest;
    weights[i] = std::exp(difference / options_.temperature);
    total += weights[i];
  }
  double kept = 0.0;
  size_t count = 0;
  while (count < order.size() && (count == 0 || kept < options_.top_p * total)) {
    kept += weights[count++];
  }

  double remaining = generator_.Uniform() * kept;
  for (size_t i = 0; i < count; ++i) {
    remaining -= weights[i];
    if (remaining < 0.0) return order[i];
  }
  return order[count - 1];  // the sum rounded down
}

}  // namespace kalavai

#include "common/router/switching_gate.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include "absl/strings/str_format.h"

#include "common/base/check.h"
#include "common/base/errors.h"

namespace kalavai {
namespace {

constexpr double kNegativeInfinity = -std::numeric_limits<double>::infinity();

double LogAddExp(double a, double b) {
  const double high = std::max(a, b);
  if (high == kNegativeInfinity) return high;
  return high + std::log1p(std::exp(std::min(a, b) - high));
}

std::vector<double> InitialPrior(const RouterParameters& parameters) {
  const size_t experts = static_cast<size_t>(parameters.experts);
  std::vector<double> prior(experts);
  const std::vector<double> features(static_cast<size_t>(parameters.transform.features), 0.0);
  ComputePrior(parameters, features, std::vector<uint8_t>(experts, 1), prior);
  return prior;
}

}  // namespace

SwitchingGate::SwitchingGate(double alpha, std::span<const double> prior)
    : alpha_(alpha), weights_(prior.begin(), prior.end()) {
  KALAVAI_CHECK(alpha >= 0 && alpha <= 1, "alpha is a probability");
  for (const double weight : weights_) log_weights_.push_back(std::log(weight));
}

double SwitchingGate::MixLogProb(std::span<const float> log_p) const {
  KALAVAI_CHECK(log_p.size() == log_weights_.size(), "one log-probability an expert");
  double high = kNegativeInfinity;
  for (size_t i = 0; i < log_p.size(); ++i) {
    if (log_weights_[i] == kNegativeInfinity) continue;
    high = std::max(high, log_weights_[i] + static_cast<double>(log_p[i]));
  }
  if (high == kNegativeInfinity) return high;
  double sum = 0;
  for (size_t i = 0; i < log_p.size(); ++i) {
    if (log_weights_[i] == kNegativeInfinity) continue;
    sum += std::exp(log_weights_[i] + static_cast<double>(log_p[i]) - high);
  }
  return high + std::log(sum);
}

absl::StatusOr<double> SwitchingGate::Observe(std::span<const float> log_p) {
  KALAVAI_CHECK(log_p.size() == log_weights_.size(), "one log-probability an expert");
  for (size_t i = 0; i < log_p.size(); ++i) {
    if (log_weights_[i] == kNegativeInfinity) continue;
    if (std::isnan(log_p[i]) || log_p[i] == std::numeric_limits<float>::infinity()) {
      return MakeError(absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID",
                       {.what = absl::StrFormat(
                            "log-probability of expert %d: %g; must be a number", i, log_p[i]),
                        .why = "its weights are damaged or its arithmetic overflowed",
                        .fix = "deny this expert"});
    }
  }
  const double mixed = MixLogProb(log_p);
  if (mixed == kNegativeInfinity) return mixed;
  for (size_t i = 0; i < log_p.size(); ++i) {
    if (log_weights_[i] == kNegativeInfinity) continue;
    log_weights_[i] += static_cast<double>(log_p[i]) - mixed;
    weights_[i] = std::exp(log_weights_[i]);
  }
  return mixed;
}

void SwitchingGate::Advance(std::span<const double> prior) {
  KALAVAI_CHECK(prior.size() == log_weights_.size(), "one prior an expert");
  if (alpha_ == 0) return;
  const double log_stay = std::log1p(-alpha_);
  const double log_switch = std::log(alpha_);
  for (size_t i = 0; i < prior.size(); ++i) {
    log_weights_[i] = LogAddExp(log_stay + log_weights_[i], log_switch + std::log(prior[i]));
    weights_[i] = std::exp(log_weights_[i]);
  }
}

void SwitchingGate::Restrict(std::span<const double> prior) {
  KALAVAI_CHECK(prior.size() == log_weights_.size(), "one prior an expert");
  for (size_t i = 0; i < prior.size(); ++i) {
    if (prior[i] == 0) {
      log_weights_[i] = kNegativeInfinity;
    } else if (log_weights_[i] == kNegativeInfinity) {
      log_weights_[i] = std::log(prior[i]);
    }
  }
  Normalise();
}

void SwitchingGate::Normalise() {
  double high = kNegativeInfinity;
  for (const double weight : log_weights_) high = std::max(high, weight);
  double sum = 0;
  for (const double weight : log_weights_) sum += std::exp(weight - high);
  const double total = high + std::log(sum);
  for (size_t i = 0; i < log_weights_.size(); ++i) {
    log_weights_[i] -= total;
    weights_[i] = std::exp(log_weights_[i]);
  }
}

RouterSession::RouterSession(const RouterParameters& parameters)
    : parameters_(&parameters),
      allowed_(static_cast<size_t>(parameters.experts), 1),
      prior_(InitialPrior(parameters)),
      features_(parameters.transform, parameters.half_life, parameters.shrinkage),
      gate_(parameters.alpha, prior_) {}

void RouterSession::SetAllowed(std::span<const uint8_t> allowed) {
  allowed_.assign(allowed.begin(), allowed.end());
  UpdatePrior();
  if (rows_read_ == 0) {
    gate_ = SwitchingGate(parameters_->alpha, prior_);
    return;
  }
  gate_.Restrict(prior_);
}

absl::StatusOr<double> RouterSession::Read(std::span<const float> log_p,
                                           std::span<const float> hidden) {
  absl::StatusOr<double> mixed = gate_.Observe(log_p);
  if (!mixed.ok()) return mixed;
  ReadStateOnly(hidden);
  gate_.Advance(prior_);
  ++rows_read_;
  return mixed;
}

absl::StatusOr<double> RouterSession::ReadProjected(std::span<const float> log_p,
                                                    std::span<const float> projected) {
  absl::StatusOr<double> mixed = gate_.Observe(log_p);
  if (!mixed.ok()) return mixed;
  if (!projected.empty()) {
    features_.PushProjected(projected);
    UpdatePrior();
  }
  gate_.Advance(prior_);
  ++rows_read_;
  return mixed;
}

void RouterSession::ReadStateOnly(std::span<const float> hidden) {
  if (parameters_->rung == RouterRung::kUniform || hidden.empty()) return;
  features_.Push(hidden);
  UpdatePrior();
}

void RouterSession::UpdatePrior() {
  ComputePrior(*parameters_, features_.Features(), allowed_, prior_);
}

std::vector<int> SmallestSet(std::span<const double> weights, double mass, int most) {
  std::vector<int> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [weights](int a, int b) {
    return weights[static_cast<size_t>(a)] > weights[static_cast<size_t>(b)];
  });
  std::vector<int> chosen;
  double reached = 0;
  for (const int expert : order) {
    if (!chosen.empty() && (reached >= mass || static_cast<int>(chosen.size()) >= most)) break;
    chosen.push_back(expert);
    reached += weights[static_cast<size_t>(expert)];
  }
  return chosen;
}

}  // namespace kalavai

#include "common/router/filter_gradient.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"

namespace kalavai {
namespace {

void Softmax(std::span<const double> logits, std::span<double> out) {
  const double high = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = std::exp(logits[i] - high);
    sum += out[i];
  }
  for (double& value : out) value /= sum;
}

}  // namespace

FilterGradient::FilterGradient(int experts, double eta)
    : experts_(static_cast<size_t>(experts)),
      eta_(eta),
      weights_(experts_, 0.0),
      smoothing_(experts_, 0.0) {}

double FilterGradient::Forward(std::span<const float> log_prob, std::span<const double> logits,
                               double alpha) {
  KALAVAI_CHECK(log_prob.size() == logits.size() && log_prob.size() % experts_ == 0,
                "one logit for each log-probability");
  alpha_ = alpha;
  softmax_.resize(logits.size());
  likelihood_.resize(logits.size());
  const double floor = eta_ / static_cast<double>(experts_);
  double loss = 0;
  for (size_t at = 0; at < logits.size(); at += experts_) {
    const std::span<const float> row = log_prob.subspan(at, experts_);
    const std::span<double> softmax = std::span(softmax_).subspan(at, experts_);
    const std::span<double> likelihood = std::span(likelihood_).subspan(at, experts_);
    Softmax(logits.subspan(at, experts_), softmax);
    const double high = static_cast<double>(*std::max_element(row.begin(), row.end()));
    double mixed = 0;
    for (size_t i = 0; i < experts_; ++i) {
      const double prior = (1 - eta_) * softmax[i] + floor;
      weights_[i] = at == 0 ? prior : (1 - alpha) * weights_[i] + alpha * prior;
      likelihood[i] = std::exp(static_cast<double>(row[i]) - high);
      mixed += weights_[i] * likelihood[i];
    }
    loss -= high + std::log(mixed);
    for (size_t i = 0; i < experts_; ++i) {
      likelihood[i] /= mixed;
      weights_[i] *= likelihood[i];
    }
  }
  return loss;
}

void FilterGradient::Backward() {
  logit_gradient_.resize(softmax_.size());
  alpha_gradient_ = 0;
  std::fill(smoothing_.begin(), smoothing_.end(), 1.0);
  const double floor = eta_ / static_cast<double>(experts_);
  for (size_t at = softmax_.size(); at > 0;) {
    at -= experts_;
    const double redraw = at == 0 ? 1 : alpha_;
    double* gradient = &logit_gradient_[at];
    const double* softmax = &softmax_[at];
    double redrawn = 0;  // Σ_j c_j(t)
    double mean = 0;
    for (size_t i = 0; i < experts_; ++i) {
      const double evidence = likelihood_[at + i] * smoothing_[i];
      redrawn += redraw * ((1 - eta_) * softmax[i] + floor) * evidence;
      gradient[i] = -(1 - eta_) * redraw * evidence;
      mean += softmax[i] * gradient[i];
      smoothing_[i] = evidence;
    }
    for (size_t i = 0; i < experts_; ++i) gradient[i] = softmax[i] * (gradient[i] - mean);
    if (at == 0) continue;
    alpha_gradient_ += alpha_ - redrawn;
    for (size_t i = 0; i < experts_; ++i) {
      smoothing_[i] = (1 - alpha_) * smoothing_[i] + redrawn;
    }
  }
}

}  // namespace kalavai

#include "common/router/filter_gradient.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"

namespace kalavai {
namespace {

// Pointers and not spans from here on: every element's bounds would be checked.
void Softmax(const double* logits, size_t size, double* out) {
  const double high = *std::max_element(logits, logits + size);
  double sum = 0;
  for (size_t i = 0; i < size; ++i) {
    out[i] = std::exp(logits[i] - high);
    sum += out[i];
  }
  for (size_t i = 0; i < size; ++i) out[i] /= sum;
}

}  // namespace

FilterGradient::FilterGradient(int experts, double eta)
    : experts_(static_cast<size_t>(experts)),
      eta_(eta),
      weights_(experts_, 0.0),
      smoothing_(experts_, 0.0) {}

void Likelihoods::Resize(size_t rows, size_t experts) {
  experts_ = experts;
  best_.resize(rows);
  relative_.resize(rows * experts);
}

void Likelihoods::Set(size_t row, std::span<const float> log_prob) {
  for (size_t at = 0; at < log_prob.size(); at += experts_, ++row) {
    const std::span<const float> from = log_prob.subspan(at, experts_);
    best_[row] = static_cast<double>(*std::max_element(from.begin(), from.end()));
    double* to = &relative_[row * experts_];
    for (size_t i = 0; i < experts_; ++i) {
      to[i] = std::exp(static_cast<double>(from[i]) - best_[row]);
    }
  }
}

void Likelihoods::Copy(const Likelihoods& from, size_t from_row, size_t row) {
  best_[row] = from.best_[from_row];
  std::copy_n(from.Relative(from_row), experts_, &relative_[row * experts_]);
}

double FilterGradient::Forward(std::span<const float> log_prob, std::span<const double> logits,
                               double alpha) {
  KALAVAI_CHECK(log_prob.size() == logits.size() && log_prob.size() % experts_ == 0,
                "one logit for each log-probability");
  Likelihoods likelihoods;
  likelihoods.Resize(log_prob.size() / experts_, experts_);
  likelihoods.Set(0, log_prob);
  return Forward(likelihoods, logits, alpha);
}

double FilterGradient::Forward(const Likelihoods& likelihoods, std::span<const double> logits,
                               double alpha) {
  KALAVAI_CHECK(likelihoods.rows() * experts_ == logits.size(), "one logit for each probability");
  alpha_ = alpha;
  softmax_.resize(logits.size());
  likelihood_.resize(logits.size());
  const double floor = eta_ / static_cast<double>(experts_);
  double* weights = weights_.data();
  double loss = 0;
  for (size_t row = 0; row < likelihoods.rows(); ++row) {
    const size_t at = row * experts_;
    const double* relative = likelihoods.Relative(row);
    double* softmax = &softmax_[at];
    double* likelihood = &likelihood_[at];
    Softmax(&logits[at], experts_, softmax);
    double mixed = 0;
    for (size_t i = 0; i < experts_; ++i) {
      const double prior = (1 - eta_) * softmax[i] + floor;
      weights[i] = row == 0 ? prior : (1 - alpha) * weights[i] + alpha * prior;
      mixed += weights[i] * relative[i];
    }
    loss -= likelihoods.Best(row) + std::log(mixed);
    for (size_t i = 0; i < experts_; ++i) {
      likelihood[i] = relative[i] / mixed;
      weights[i] *= likelihood[i];
    }
  }
  return loss;
}

void FilterGradient::Backward() {
  logit_gradient_.resize(softmax_.size());
  alpha_gradient_ = 0;
  std::fill(smoothing_.begin(), smoothing_.end(), 1.0);
  double* smoothing = smoothing_.data();
  const double floor = eta_ / static_cast<double>(experts_);
  for (size_t at = softmax_.size(); at > 0;) {
    at -= experts_;
    const double redraw = at == 0 ? 1 : alpha_;
    double* gradient = &logit_gradient_[at];
    const double* softmax = &softmax_[at];
    const double* likelihood = &likelihood_[at];
    double redrawn = 0;  // Σ_j c_j(t)
    double mean = 0;
    for (size_t i = 0; i < experts_; ++i) {
      const double evidence = likelihood[i] * smoothing[i];
      redrawn += redraw * ((1 - eta_) * softmax[i] + floor) * evidence;
      gradient[i] = -(1 - eta_) * redraw * evidence;
      mean += softmax[i] * gradient[i];
      smoothing[i] = evidence;
    }
    for (size_t i = 0; i < experts_; ++i) gradient[i] = softmax[i] * (gradient[i] - mean);
    if (at == 0) continue;
    alpha_gradient_ += alpha_ - redrawn;
    for (size_t i = 0; i < experts_; ++i) {
      smoothing[i] = (1 - alpha_) * smoothing[i] + redrawn;
    }
  }
}

}  // namespace kalavai

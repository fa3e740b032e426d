// Goal: the gradients of common/router/filter_gradient.h and of a batch of the router's training
// are those that automatic differentiation finds. Method: the filter of design §3.3 written once
// more, with tensors, in its naive form; LibTorch's backward in float64.
#include <cmath>
#include <vector>

#include "common/base/seeded_random.h"
#include "common/model/torch.h"
#include "common/router/filter_gradient.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

struct Text {
  std::vector<float> log_prob;   // [T][n]
  std::vector<double> features;  // [T][K]
};

Text RandomText(int rows, int experts, int width, SeededRandom& random) {
  Text text;
  for (int i = 0; i < rows * experts; ++i) {
    text.log_prob.push_back(static_cast<float>(-7 * random.Uniform()));
  }
  for (int i = 0; i < rows * width; ++i) text.features.push_back(random.Normal());
  return text;
}

// −Σ log p(y_t): w(0) = r(0), w(t+1) = (1 − α) v + α r(t+1).
at::Tensor NaiveLoss(const at::Tensor& log_prob_Tn, const at::Tensor& logits_Tn,
                     const at::Tensor& alpha_logit, double eta) {
  const int64_t rows = log_prob_Tn.size(0);
  const auto experts = static_cast<double>(log_prob_Tn.size(1));
  const at::Tensor alpha = alpha_logit.sigmoid();
  const at::Tensor prior = (1 - eta) * logits_Tn.softmax(1) + eta / experts;
  at::Tensor weights = prior[0];
  at::Tensor loss = at::zeros({}, at::kDouble);
  for (int64_t t = 0; t < rows; ++t) {
    const at::Tensor joint = weights * log_prob_Tn[t].exp();
    const at::Tensor total = joint.sum();
    loss = loss - total.log();
    if (t + 1 < rows) weights = (1 - alpha) * joint / total + alpha * prior[t + 1];
  }
  return loss;
}

at::Tensor DoublesOf(std::vector<double> values, at::IntArrayRef shape) {
  return at::from_blob(values.data(), shape, at::kDouble).clone();
}

TEST_CASE("Logit and alpha gradients equal those of automatic differentiation", "[router]") {
  SeededRandom random(21);
  for (const int experts : {2, 3, 21}) {
    for (const double eta : {1e-3, 0.05, 1.0}) {
      for (const double alpha_logit : {-12.0, -5.8, 0.0, 4.0}) {
        CAPTURE(experts, eta, alpha_logit);
        const int rows = 30;
        const Text text = RandomText(rows, experts, 0, random);
        std::vector<double> logits;
        for (int i = 0; i < rows * experts; ++i) logits.push_back(2 * random.Normal());

        FilterGradient filter(experts, eta);
        const double loss = filter.Forward(text.log_prob, logits, 1 / (1 + std::exp(-alpha_logit)));
        filter.Backward();

        const at::Tensor log_prob =
            DoublesOf({text.log_prob.begin(), text.log_prob.end()}, {rows, experts});
        at::Tensor logits_Tn = DoublesOf(logits, {rows, experts}).requires_grad_();
        at::Tensor alpha = at::full({}, alpha_logit, at::kDouble).requires_grad_();
        const at::Tensor naive = NaiveLoss(log_prob, logits_Tn, alpha, eta);
        naive.backward();
        REQUIRE_NEAR(loss, naive.item<double>(), 1e-9);
        const at::Tensor gradient = logits_Tn.grad().contiguous();
        for (size_t i = 0; i < logits.size(); ++i) {
          REQUIRE_NEAR(filter.Logits()[i], gradient.const_data_ptr<double>()[i], 1e-10);
        }
        REQUIRE_NEAR(filter.AlphaLogit(), alpha.grad().item<double>(), 1e-9);
      }
    }
  }
}

TEST_CASE("Through the linear prior they are the gradients of weight and bias", "[router]") {
  SeededRandom random(22);
  const int rows = 25;
  const int experts = 4;
  const int width = 6;
  const double eta = 0.05;
  std::vector<double> weight;
  std::vector<double> bias;
  for (int i = 0; i < experts * width; ++i) weight.push_back(random.Normal());
  for (int i = 0; i < experts; ++i) bias.push_back(random.Normal());
  const Text text = RandomText(rows, experts, width, random);

  // As the router's training: logit_j(t) = W_j z_t + b_j.
  std::vector<double> logits;
  for (int t = 0; t < rows; ++t) {
    for (int j = 0; j < experts; ++j) {
      double logit = bias[static_cast<size_t>(j)];
      for (int k = 0; k < width; ++k) {
        logit += weight[static_cast<size_t>(j * width + k)] *
                 text.features[static_cast<size_t>(t * width + k)];
      }
      logits.push_back(logit);
    }
  }
  FilterGradient filter(experts, eta);
  filter.Forward(text.log_prob, logits, 0.01);
  filter.Backward();

  at::Tensor weight_nK = DoublesOf(weight, {experts, width}).requires_grad_();
  at::Tensor bias_n = DoublesOf(bias, {experts}).requires_grad_();
  const at::Tensor features = DoublesOf(text.features, {rows, width});
  const at::Tensor log_prob =
      DoublesOf({text.log_prob.begin(), text.log_prob.end()}, {rows, experts});
  NaiveLoss(log_prob, features.matmul(weight_nK.t()) + bias_n,
            at::full({}, std::log(0.01 / 0.99), at::kDouble), eta)
      .backward();
  for (int j = 0; j < experts; ++j) {
    double bias_gradient = 0;
    std::vector<double> row(width, 0);
    for (int t = 0; t < rows; ++t) {
      const double gradient = filter.Logits()[static_cast<size_t>(t * experts + j)];
      bias_gradient += gradient;
      for (size_t k = 0; k < width; ++k) {
        row[k] += gradient * text.features[static_cast<size_t>(t) * width + k];
      }
    }
    REQUIRE_NEAR(bias_gradient, bias_n.grad()[j].item<double>(), 1e-10);
    for (int k = 0; k < width; ++k) {
      REQUIRE_NEAR(row[static_cast<size_t>(k)], weight_nK.grad()[j][k].item<double>(), 1e-10);
    }
  }
}

}  // namespace
}  // namespace kalavai

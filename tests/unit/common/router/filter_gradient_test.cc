// Goal: the forward-backward gradients are the gradients of the loss that the gate has.
// Method: central differences in every logit and in alpha's, and the loss of the streaming gate.
#include "common/router/filter_gradient.h"

#include <cmath>
#include <limits>
#include <vector>

#include "common/base/seeded_random.h"
#include "common/router/switching_gate.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

constexpr int kExperts = 4;
constexpr int kRows = 20;

struct Text {
  std::vector<float> log_prob;
  std::vector<double> logits;
};

Text RandomText(uint64_t seed) {
  SeededRandom random(seed);
  Text text;
  for (int at = 0; at < kExperts * kRows; ++at) {
    text.log_prob.push_back(static_cast<float>(-6 * random.Uniform()));
    text.logits.push_back(2 * random.Normal());
  }
  text.log_prob[5] = -std::numeric_limits<float>::infinity();
  return text;
}

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

TEST_CASE("Gradients equal finite differences", "[router]") {
  for (const double eta : {0.05, 1e-9}) {
    for (const double alpha_logit : {-5.8, -1.0, 1.0}) {
      Text text = RandomText(3);
      FilterGradient filter(kExperts, eta);
      filter.Forward(text.log_prob, text.logits, Sigmoid(alpha_logit));
      filter.Backward();
      FilterGradient probe(kExperts, eta);
      const double step = 1e-5;
      for (size_t at = 0; at < text.logits.size(); ++at) {
        const double kept = text.logits[at];
        text.logits[at] = kept + step;
        const double up = probe.Forward(text.log_prob, text.logits, Sigmoid(alpha_logit));
        text.logits[at] = kept - step;
        const double down = probe.Forward(text.log_prob, text.logits, Sigmoid(alpha_logit));
        text.logits[at] = kept;
        REQUIRE_NEAR(filter.Logits()[at], (up - down) / (2 * step), 1e-8);
      }
      const double up = probe.Forward(text.log_prob, text.logits, Sigmoid(alpha_logit + step));
      const double down = probe.Forward(text.log_prob, text.logits, Sigmoid(alpha_logit - step));
      REQUIRE_NEAR(filter.AlphaLogit(), (up - down) / (2 * step), 1e-8);
    }
  }
}

TEST_CASE("The loss is the streaming gate's", "[router]") {
  const Text text = RandomText(4);
  const double eta = 0.05;
  const double alpha = 0.01;
  FilterGradient filter(kExperts, eta);
  const double loss = filter.Forward(text.log_prob, text.logits, alpha);
  const auto prior = [&text, eta](size_t row) {
    std::vector<double> r;
    double sum = 0;
    for (size_t i = 0; i < kExperts; ++i) {
      r.push_back(std::exp(text.logits[row * kExperts + i]));
      sum += r.back();
    }
    for (double& value : r) value = (1 - eta) * value / sum + eta / kExperts;
    return r;
  };
  SwitchingGate gate(alpha, prior(0));
  double streamed = 0;
  for (size_t t = 0; t < kRows; ++t) {
    streamed -= gate.Observe(std::span(text.log_prob).subspan(t * kExperts, kExperts)).value();
    if (t + 1 < kRows) gate.Advance(prior(t + 1));
  }
  REQUIRE_NEAR(loss, streamed, 1e-10);
}

}  // namespace
}  // namespace kalavai

// Goal: the mixture of logits is softmax(Σ w l), for logits and log-probabilities alike, and a
// number whatever an expert says.
// Method: plain sums in double; one expert alone; -infinity and -1e38.
#include "common/model/logit_mixture.h"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

const std::vector<std::vector<float>> kLogits = {
    {0.5F, -1.0F, 3.0F, 0.0F}, {2.0F, 2.5F, -4.0F, 1.0F}, {-30.0F, 7.0F, 0.25F, 0.125F}};

at::Tensor Row(const std::vector<float>& values) { return at::tensor(values).unsqueeze(0); }

at::Tensor WeightsRow(const std::vector<double>& weights) {
  return at::tensor(weights, at::kDouble).unsqueeze(0);
}

// log softmax(Σ w_i l_i), summed one by one.
std::vector<double> Plain(const std::vector<double>& weights) {
  std::vector<double> mixed(kLogits[0].size(), 0);
  double sum = 0;
  for (size_t v = 0; v < mixed.size(); ++v) {
    for (size_t i = 0; i < weights.size(); ++i) {
      mixed[v] += weights[i] * static_cast<double>(kLogits[i][v]);
    }
    sum += std::exp(mixed[v]);
  }
  for (double& value : mixed) value -= std::log(sum);
  return mixed;
}

TEST_CASE("Logits and log-probabilities give the same mixture, that of the formula", "[model]") {
  std::vector<at::Tensor> logits, log_probs;
  for (const std::vector<float>& row : kLogits) {
    logits.push_back(Row(row));
    log_probs.push_back(Row(row).log_softmax(1));
  }
  for (const std::vector<double>& weights : std::vector<std::vector<double>>{
           {0.2, 0.3, 0.5}, {1, 0, 0}, {0, 0, 1}, {0.999, 0.0005, 0.0005}}) {
    const std::vector<double> plain = Plain(weights);
    const at::Tensor of_logits = MixLogits(StackLogProbs(logits), WeightsRow(weights));
    const at::Tensor of_log_probs = MixLogits(StackLogProbs(log_probs), WeightsRow(weights));
    REQUIRE_NEAR(of_logits.exp().sum().item<double>(), 1, 1e-12);
    for (size_t v = 0; v < plain.size(); ++v) {
      const auto at_v = static_cast<int64_t>(v);
      REQUIRE_NEAR(of_logits[0][at_v].item<double>(), plain[v], 1e-12);
      REQUIRE_NEAR(of_log_probs[0][at_v].item<double>(), plain[v], 1e-5);
    }
  }
}

TEST_CASE("Every row has its own weights", "[model]") {
  std::vector<at::Tensor> rows;
  for (const std::vector<float>& row : kLogits) rows.push_back(at::cat({Row(row), Row(row)}));
  const at::Tensor mixed =
      MixLogits(StackLogProbs(rows), at::cat({WeightsRow({0, 1, 0}), WeightsRow({0.5, 0, 0.5})}));
  REQUIRE(mixed.sizes() == at::IntArrayRef({2, 4}));
  REQUIRE_NEAR(mixed[0][1].item<double>(), Plain({0, 1, 0})[1], 1e-12);
  REQUIRE_NEAR(mixed[1][1].item<double>(), Plain({0.5, 0, 0.5})[1], 1e-12);
}

TEST_CASE("An expert that forbids a token all but forbids it for all, at any weight", "[model]") {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> even(4, std::log(0.25F));
  for (const float forbidden : {-infinity, -1e38F}) {
    const at::Tensor stacked =
        StackLogProbs({Row(even), Row({forbidden, 0.0F, forbidden, forbidden})});
    const at::Tensor mixed = MixLogits(stacked, WeightsRow({0.999, 0.001}));
    CHECK(mixed.isfinite().all().item<bool>());
    CHECK(mixed[0][0].item<double>() < -1e20);  // the mixture of probabilities: log 0.24975
    REQUIRE_NEAR(mixed[0][1].item<double>(), 0, 1e-12);
    // Without weight it has no say: 0 times infinity is no number anywhere.
    REQUIRE_NEAR(MixLogits(stacked, WeightsRow({1, 0}))[0][0].item<double>(), std::log(0.25), 1e-6);
  }
  // All tokens forbidden, each by somebody: still a distribution.
  const at::Tensor none = MixLogits(StackLogProbs({Row({0, -infinity}), Row({-infinity, 0})}),
                                    WeightsRow({0.25, 0.75}));
  REQUIRE_NEAR(none.exp().sum().item<double>(), 1, 1e-12);
  CHECK(none[0][1].item<double>() > none[0][0].item<double>());
}

}  // namespace
}  // namespace kalavai

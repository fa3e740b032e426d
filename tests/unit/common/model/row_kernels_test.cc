// Goal: each row kernel is its formula, for any length, and what is not finite stays visible.
// Method: the formulas in double; lengths around the vector widths; values at the ends of the
// range. (Gradients against the library's: layers_test, rms_norm_test, head_layout_test.)
#include "common/model/row_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

std::vector<float> Wave(int64_t count, double step, double height) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>(height * std::sin(step * static_cast<double>(i + 1))));
  }
  return values;
}

double Sigmoid(double z) { return 1.0 / (1.0 + std::exp(-z)); }

TEST_CASE("SwiGLU is z σ(z) times up within three units of float32", "[model]") {
  std::vector<float> inner;
  for (double z = -100.0; z <= 100.0; z += 0.037) inner.push_back(static_cast<float>(z));
  const auto count = static_cast<int64_t>(inner.size());
  inner.resize(static_cast<size_t>(2 * count), 1.0F);
  std::vector<float> out(static_cast<size_t>(count));
  SwiGluRow(inner.data(), count, out.data());
  for (size_t i = 0; i < out.size(); ++i) {
    const double z = inner[i];
    INFO(z);
    // Below -87 the true value is under float32's normal range.
    const double small = 2e-36;
    REQUIRE_NEAR(out[i], z * Sigmoid(z), std::max(small, 4e-7 * std::abs(z * Sigmoid(z))));
  }
}

TEST_CASE("Every length gives the formula's norm", "[model]") {
  for (const int64_t count : {1, 2, 15, 16, 17, 31, 32, 33, 64, 100, 576}) {
    INFO(count);
    const std::vector<float> x = Wave(count, 0.7, 3.0);
    const std::vector<float> weight = Wave(count, 0.3, 2.0);
    std::vector<float> y(x.size());
    const float scale = NormRow(x.data(), weight.data(), 1e-5F, count, y.data());
    double squares = 0.0;
    for (const float value : x) squares += static_cast<double>(value) * value;
    const double expected = 1.0 / std::sqrt(squares / static_cast<double>(count) + 1e-5);
    REQUIRE_NEAR(scale, expected, 1e-5 * expected);
    for (size_t i = 0; i < x.size(); ++i) {
      REQUIRE_NEAR(y[i], x[i] * expected * weight[i], 1e-5);
    }
  }
}

TEST_CASE("Bfloat16 results are the float32 ones rounded to nearest even", "[model]") {
  const int64_t count = 40;
  std::vector<float> inner = Wave(2 * count, 0.9, 4.0);
  std::vector<Bfloat16Bits> bits;
  for (float& value : inner) {
    bits.push_back(Bfloat16Of(value));
    value = FloatOf(bits.back());
  }
  std::vector<Bfloat16Bits> out(static_cast<size_t>(count));
  SwiGluRow(bits.data(), count, out.data());
  for (size_t i = 0; i < out.size(); ++i) {
    const float gate = inner[i];
    const float activated = FloatOf(Bfloat16Of(static_cast<float>(gate * Sigmoid(gate))));
    const float exact = activated * inner[i + out.size()];
    REQUIRE_NEAR(FloatOf(out[i]), exact, std::abs(exact) / 128);
  }
}

TEST_CASE("A row of causal attention sums to one and sees nothing later", "[model]") {
  for (const int64_t valid : {1, 2, 31, 32, 33, 64, 65}) {
    INFO(valid);
    const int64_t count = 65;
    std::vector<float> row = Wave(count, 0.4, 8.0);
    const std::vector<float> scores = row;
    CausalSoftmaxRow(0.5F, valid, count, row.data());
    double sum = 0.0;
    for (int64_t j = 0; j < valid; ++j) sum += std::exp(0.5 * scores[static_cast<size_t>(j)]);
    for (int64_t j = 0; j < count; ++j) {
      const auto at = static_cast<size_t>(j);
      REQUIRE_NEAR(row[at], j < valid ? std::exp(0.5 * scores[at]) / sum : 0.0, 1e-6);
    }
  }
}

TEST_CASE("Cross-entropy and its gradient are the formula's, however large the logits", "[model]") {
  for (const double height : {0.1, 10.0, 3000.0}) {
    INFO(height);
    std::vector<float> logits = Wave(1000, 0.61, height);
    const std::vector<float> before = logits;
    const int64_t target = 123;
    const float loss = CrossEntropyRow(target, 1000, logits.data());
    const double highest = *std::max_element(before.begin(), before.end());
    double sum = 0.0;
    for (const float logit : before) sum += std::exp(logit - highest);
    const double expected = std::log(sum) + highest - before[target];
    REQUIRE_NEAR(loss, expected, 1e-5 * (1.0 + expected));
    for (size_t v = 0; v < before.size(); ++v) {
      const double p = std::exp(before[v] - highest) / sum;
      REQUIRE_NEAR(logits[v], p - (v == target ? 1.0 : 0.0), 1e-6);
    }
  }
}

TEST_CASE("What is not a number does not vanish", "[model]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const size_t place : {size_t{0}, size_t{17}, size_t{99}}) {
    INFO(place);
    std::vector<float> row = Wave(100, 0.4, 2.0);
    row[place] = nan;
    std::vector<float> logits = row;
    CHECK(std::isnan(CrossEntropyRow(3, 100, logits.data())));
    std::vector<float> scores = row;
    CausalSoftmaxRow(1.0F, 100, 100, scores.data());
    CHECK(std::isnan(scores[5]));
    std::vector<float> weight(100, 1.0F);
    std::vector<float> y(100);
    CHECK(std::isnan(NormRow(row.data(), weight.data(), 1e-5F, 100, y.data())));
    std::vector<float> activated(50);
    SwiGluRow(row.data(), 50, activated.data());
    CHECK(std::any_of(activated.begin(), activated.end(),
                      [](float value) { return std::isnan(value); }));
  }
}

}  // namespace
}  // namespace kalavai

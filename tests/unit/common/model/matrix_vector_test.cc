// Goal: the products behind generation equal the sums they stand for, whatever the width, the
// number of inputs and the split of rows. Method: seeded matrices against loops in double; equal
// bits for different splits; every vector unit of this machine.
#include "common/model/matrix_vector.h"

#include <cmath>
#include <limits>
#include <vector>

#include "common/base/seeded_random.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

struct Product {
  int64_t outputs, inputs;
  std::vector<Bfloat16Bits> weights;
  std::vector<float> wide;  // the same weights as float32
  std::vector<float> x;
  std::vector<double> expected, magnitude;  // Σ w·x and Σ |w·x| of each row
};

Product MakeProduct(int64_t outputs, int64_t inputs) {
  Product p{outputs, inputs, {}, {}, {}, {}, {}};
  SeededRandom random(static_cast<uint64_t>(outputs * 1000 + inputs));
  const auto value = [&random] { return static_cast<float>(random.Uniform() * 2.0 - 1.0); };
  for (int64_t i = 0; i < inputs; ++i) p.x.push_back(value());
  for (int64_t r = 0; r < outputs; ++r) {
    double sum = 0.0;
    double magnitude = 0.0;
    for (int64_t i = 0; i < inputs; ++i) {
      p.weights.push_back(Bfloat16Of(value()));
      p.wide.push_back(FloatOf(p.weights.back()));
      const double term =
          static_cast<double>(p.wide.back()) * static_cast<double>(p.x[static_cast<size_t>(i)]);
      sum += term;
      magnitude += std::abs(term);
    }
    p.expected.push_back(sum);
    p.magnitude.push_back(magnitude);
  }
  return p;
}

void RequireRows(const Product& p, const std::vector<float>& y) {
  for (size_t r = 0; r < y.size(); ++r) {
    INFO("row " << r << " of " << p.outputs << " x " << p.inputs);
    REQUIRE(std::abs(static_cast<double>(y[r]) - p.expected[r]) <= 1e-6 * p.magnitude[r] + 1e-12);
  }
}

TEST_CASE("A product equals its sum for every width and number of inputs", "[model]") {
  for (const int64_t inputs : {1, 7, 15, 16, 17, 63, 64, 65, 128, 172, 576, 1000}) {
    const Product p = MakeProduct(9, inputs);
    std::vector<float> y(9, 5.0F);
    MultiplyRows(p.weights.data(), inputs, p.x.data(), 0, 9, y.data());
    RequireRows(p, y);
    MultiplyRows(p.wide.data(), inputs, p.x.data(), 0, 9, y.data());
    RequireRows(p, y);
    for (const VectorUnit unit : {VectorUnit::kAvx512, VectorUnit::kAvx2, VectorUnit::kBaseline}) {
      if (unit < WidestVectorUnit()) continue;
      MultiplyRowsWith(unit, p.weights.data(), inputs, p.x.data(), 0, 9, y.data());
      RequireRows(p, y);
    }
  }
}

TEST_CASE("Splitting the rows changes no bit and touches no other row", "[model]") {
  const Product p = MakeProduct(31, 200);
  std::vector<float> whole(31);
  MultiplyRows(p.weights.data(), 200, p.x.data(), 0, 31, whole.data());
  std::vector<float> split(31, -1.0F);
  MultiplyRows(p.weights.data(), 200, p.x.data(), 3, 11, split.data());
  REQUIRE(split[2] == -1.0F);
  REQUIRE(split[11] == -1.0F);
  MultiplyRows(p.weights.data(), 200, p.x.data(), 0, 3, split.data());
  MultiplyRows(p.weights.data(), 200, p.x.data(), 11, 31, split.data());
  REQUIRE(split == whole);
}

TEST_CASE("A weighted sum of rows adds to what is there", "[model]") {
  for (const int64_t inputs : {1, 16, 40, 64, 80}) {
    const Product p = MakeProduct(5, inputs);
    const std::vector<float> scale = {0.5F, -1.0F, 0.0F, 2.0F, 0.125F};
    std::vector<float> narrow(static_cast<size_t>(inputs), 3.0F);
    std::vector<float> wide = narrow;
    AddScaledRows(p.weights.data(), inputs, scale.data(), 5, narrow.data());
    AddScaledRows(p.wide.data(), inputs, scale.data(), 5, wide.data());
    for (int64_t i = 0; i < inputs; ++i) {
      double sum = 3.0;
      for (size_t r = 0; r < 5; ++r) {
        sum +=
            static_cast<double>(scale[r]) *
            static_cast<double>(p.wide[r * static_cast<size_t>(inputs) + static_cast<size_t>(i)]);
      }
      INFO("column " << i << " of " << inputs);
      REQUIRE(std::abs(static_cast<double>(narrow[static_cast<size_t>(i)]) - sum) < 2e-6);
      REQUIRE(std::abs(static_cast<double>(wide[static_cast<size_t>(i)]) - sum) < 2e-6);
    }
  }
}

TEST_CASE("Rounding to bfloat16 goes to the nearest, ties to even", "[model]") {
  REQUIRE(Bfloat16Of(1.0F) == 0x3F80);
  REQUIRE(FloatOf(0x3F80) == 1.0F);
  REQUIRE(Bfloat16Of(1.00390625F) == 0x3F80);  // 1 + 2^-8, half-way: the even one below
  REQUIRE(Bfloat16Of(1.01171875F) == 0x3F82);  // 1 + 3·2^-8, half-way: the even one above
  REQUIRE(Bfloat16Of(1.00391F) == 0x3F81);     // just above half-way
  REQUIRE(Bfloat16Of(-0.0F) == 0x8000);
  REQUIRE(Bfloat16Of(std::numeric_limits<float>::infinity()) == 0x7F80);
  REQUIRE(Bfloat16Of(std::numeric_limits<float>::max()) == 0x7F80);  // beyond the largest: infinity
  REQUIRE(std::isnan(FloatOf(Bfloat16Of(std::numeric_limits<float>::quiet_NaN()))));
}

}  // namespace
}  // namespace kalavai

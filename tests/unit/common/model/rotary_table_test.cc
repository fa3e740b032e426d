// Goal: the rotary embedding's frequencies are those of the published formulas, scaled or not.
// Method: the formulas again in float64, one frequency at a time; all three zones of llama3.
#include "common/model/rotary_table.h"

#include <cmath>
#include <numbers>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

ModelConfig Llama(int64_t head) {
  ModelConfig config = ModelConfig::Defaults(Family::kLlama);
  config.hidden_size = 4 * head;
  config.head_count = 4;
  config.context_length = 50;
  config.rotary_base = 500000.0;
  return config;
}

TEST_CASE("Frequencies fall geometrically, and linear scaling divides them", "[model]") {
  ModelConfig config = Llama(64);
  for (const double factor : {1.0, 4.0}) {
    if (factor != 1.0) config.rope_scaling = {.type = RopeType::kLinear, .factor = factor};
    const at::Tensor frequencies = RotaryFrequencies(config);
    REQUIRE(frequencies.numel() == 32);
    for (int64_t i = 0; i < 32; ++i) {
      const double expected = std::pow(500000.0, -2.0 * static_cast<double>(i) / 64.0) / factor;
      CHECK(std::abs(frequencies[i].item<double>() / expected - 1.0) < 1e-6);
    }
  }
}

TEST_CASE("Llama 3's scaling keeps near, divides far and blends between", "[model]") {
  ModelConfig config = Llama(64);
  config.rope_scaling = {.type = RopeType::kLlama3,
                         .factor = 32.0,
                         .low_frequency_factor = 1.0,
                         .high_frequency_factor = 4.0,
                         .original_context_length = 8192};
  const at::Tensor frequencies = RotaryFrequencies(config);
  int zones[3] = {0, 0, 0};
  for (int64_t i = 0; i < 32; ++i) {
    const double plain = std::pow(500000.0, -2.0 * static_cast<double>(i) / 64.0);
    const double wave = 2.0 * std::numbers::pi / plain;
    const double share = (8192.0 / wave - 1.0) / 3.0;
    const int zone = wave < 2048.0 ? 0 : wave > 8192.0 ? 1 : 2;
    const double expected = zone == 0   ? plain
                            : zone == 1 ? plain / 32.0
                                        : (1.0 - share) * plain / 32.0 + share * plain;
    ++zones[zone];
    CHECK(std::abs(frequencies[i].item<double>() / expected - 1.0) < 2e-5);
  }
  CHECK(zones[0] > 0);
  CHECK(zones[1] > 0);
  CHECK(zones[2] > 0);
}

TEST_CASE("The table has a row a position and a column a rotated pair", "[model]") {
  const RotaryTable table = MakeRotaryTable(Llama(8), at::kCPU);
  CHECK(table.cos_TR.sizes() == at::IntArrayRef({50, 4}));
  const RotaryTable rows = table.Rows(7, 3);
  CHECK(rows.cos_TR.is_contiguous());
  CHECK(std::abs(rows.sin_TR[2][0].item<double>() - std::sin(9.0)) < 1e-6);
  CHECK(std::abs(rows.cos_TR[0][0].item<double>() - std::cos(7.0)) < 1e-6);
}

}  // namespace
}  // namespace kalavai

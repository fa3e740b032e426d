// Goal: a run that cannot fit is refused before it starts, with the numbers.
// Method: estimates of one configuration compared with each other; resources given by hand.
#include "common/training/estimate.h"

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

ModelConfig Config() {
  ModelConfig config;
  config.vocab_size = 1000;
  config.hidden_size = 64;
  config.layer_count = 2;
  config.head_count = 2;
  config.intermediate_size = 256;
  config.context_length = 128;
  return config;
}

TEST_CASE("Time counts steps and, at a third each, evaluated chunks", "[training]") {
  const Cost plain = EstimateCost(Config(), {}, {.steps = 100, .batch = 8, .seconds_per_step = 2});
  REQUIRE_NEAR(plain.seconds, 200, 1e-9);
  const Cost evaluated = EstimateCost(
      Config(), {},
      {.steps = 100, .evaluations = 3, .held_out_chunks = 16, .batch = 8, .seconds_per_step = 2});
  REQUIRE_NEAR(evaluated.seconds, 204, 1e-9);
  REQUIRE(plain.memory_bytes > 4 * 4 * Config().ParameterCount());
  REQUIRE(plain.disk_bytes > 2 * 3 * 4 * Config().ParameterCount());
}

TEST_CASE("What does not fit is refused, what is unknown is not", "[training]") {
  const Cost cost = {.memory_bytes = 1000, .disk_bytes = 500, .seconds = 1};
  REQUIRE_OK(CheckResources(cost, {}));
  REQUIRE_OK(CheckResources(cost, {.memory_bytes = 1000, .disk_bytes = 500}));
  REQUIRE_STATUS(CheckResources(cost, {.memory_bytes = 999}), absl::StatusCode::kResourceExhausted,
                 "OUT_OF_MEMORY");
  REQUIRE_STATUS(CheckResources(cost, {.memory_bytes = 2000, .disk_bytes = 499}),
                 absl::StatusCode::kResourceExhausted, "DISK_FULL");
}

TEST_CASE("This machine says what it has", "[training]") {
  const kalavai::testing::TempDir directory;
  const Resources resources = ReadResources(directory.path());
  REQUIRE(resources.disk_bytes.has_value());
  REQUIRE(*resources.disk_bytes > 0);
  REQUIRE_FALSE(ReadResources("/no/such/directory").disk_bytes.has_value());
}

}  // namespace
}  // namespace kalavai

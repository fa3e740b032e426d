// Goal: a cache holds one head a key-value head for the blocks asked for, and refuses the rest.
// Method: shapes; a table of refusals.
#include "common/model/kv_cache.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

ModelConfig Grouped() {
  ModelConfig config = ModelConfig::Defaults(Family::kLlama);
  config.layer_count = 5;
  config.hidden_size = 48;
  config.head_count = 6;
  config.kv_head_count = 2;
  config.context_length = 32;
  return config;
}

TEST_CASE("A cache has the shape of the key-value heads", "[model]") {
  REQUIRE_OK_AND_ASSIGN(KvCache cache,
                        NewKvCache(Grouped(), WeightType::kBfloat16, 3, 10, {2, -1}));
  CHECK(cache.first_layer == 2);
  REQUIRE(cache.keys_BGTS.size() == 3);
  REQUIRE(cache.values_BGTS.size() == 3);
  CHECK(cache.keys_BGTS[0].sizes() == at::IntArrayRef({3, 2, 10, 8}));
  CHECK(cache.values_BGTS[2].scalar_type() == at::kBFloat16);
  cache.length = 7;
  cache.Truncate(4);
  CHECK(cache.length == 4);
  REQUIRE_OK_AND_ASSIGN(const KvCache whole, NewKvCache(Grouped(), WeightType::kFloat32, 1));
  CHECK(whole.capacity == 32);
}

TEST_CASE("A cache the model cannot have is refused", "[model]") {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  const ModelConfig config = Grouped();
  const WeightType type = WeightType::kFloat32;
  REQUIRE_STATUS(NewKvCache(config, type, 1, 33), invalid, "CONTEXT_EXCEEDED");
  REQUIRE_STATUS(NewKvCache(config, type, 0), invalid, "SHAPE_MISMATCH");
  REQUIRE_STATUS(NewKvCache(config, type, 1, -1), invalid, "SHAPE_MISMATCH");
  REQUIRE_STATUS(NewKvCache(config, type, 1, 0, {3, 2}), invalid, "SHAPE_MISMATCH");
  REQUIRE_STATUS(NewKvCache(config, type, 1, 0, {0, 6}), invalid, "SHAPE_MISMATCH");
  REQUIRE_STATUS(NewKvCache(config, type, 1, 0, {-1, 2}), invalid, "SHAPE_MISMATCH");
}

}  // namespace
}  // namespace kalavai

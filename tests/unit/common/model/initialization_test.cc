// Goal: a fresh model depends on config and seed alone and is spread as GPT-NeoX starts.
// Method: two seeds compared bit by bit; means and deviations of large tensors.
#include "common/model/initialization.h"

#include <cmath>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Initialization depends on config and seed alone and has the stated spread", "[model]") {
  const ModelConfig config = {.vocab_size = 4096,
                              .hidden_size = 16,
                              .layer_count = 3,
                              .head_count = 2,
                              .intermediate_size = 40,
                              .context_length = 96};
  REQUIRE_OK_AND_ASSIGN(const Transformer a, InitializeTransformer(config, 1));
  REQUIRE_OK_AND_ASSIGN(const Transformer b, InitializeTransformer(config, 1));
  REQUIRE_OK_AND_ASSIGN(const Transformer c, InitializeTransformer(config, 2));
  for (const auto& [name, tensor] : a.parameters) CHECK(at::equal(tensor, b.parameters.at(name)));
  CHECK_FALSE(at::equal(a.embed_in_VD, c.embed_in_VD));
  REQUIRE_NEAR(a.embed_in_VD.mean().item<double>(), 0.0, 5e-4);
  REQUIRE_NEAR(a.embed_in_VD.std().item<double>(), 0.02, 5e-4);
  REQUIRE_NEAR(a.blocks[0].feed_forward_out.weight_OI.std().item<double>(), 0.02 / std::sqrt(6.0),
               8e-4);
  CHECK(a.final_norm.weight_D.eq(1).all().item<bool>());
  CHECK(a.blocks[2].query_key_value.bias_O.eq(0).all().item<bool>());
  CHECK(static_cast<int64_t>(a.parameters.size()) == 4 + 3 * 12);
}

TEST_CASE("A config that does not fit itself is refused", "[model]") {
  REQUIRE_STATUS(InitializeTransformer({.vocab_size = 1}, 1), absl::StatusCode::kInvalidArgument,
                 "MODEL_CONFIG_INVALID");
}

}  // namespace
}  // namespace kalavai

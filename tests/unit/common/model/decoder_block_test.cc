// Goal: a block is the formula of its family: sequential with SwiGLU, or parallel with GELU.
// Method: the formula again in plain operations on the named tensors. (Parity with transformers:
// decoder_parity_test.)
#include "common/model/decoder_block.h"

#include "common/model/initialization.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

constexpr int64_t kWidth = 16;

Transformer Tiny(Family family) {
  ModelConfig config = ModelConfig::Defaults(family);
  config.vocab_size = 10;
  config.hidden_size = kWidth;
  config.layer_count = 1;
  config.head_count = 2;
  config.intermediate_size = 24;
  config.context_length = 8;
  config.initializer_range = 0.5;
  auto model = InitializeTransformer(config, 3);
  REQUIRE_OK(model);
  return *std::move(model);
}

// One token: attention is its own value, and no rotation is seen.
at::Tensor Stream() { return (at::arange(0, kWidth, at::kFloat) * 0.7).sin().view({1, 1, -1}); }

TEST_CASE("A Llama block is two residual steps with SwiGLU in the second", "[model]") {
  const c10::InferenceMode inference;
  const Transformer model = Tiny(Family::kLlama);
  const auto weight = [&](const char* name) {
    return model.parameters.at(std::string("model.layers.0.") + name + ".weight");
  };
  const auto norm = [](const at::Tensor& x) {
    return x / (x.square().mean(-1, true) + 1e-6).sqrt();
  };
  const at::Tensor x = Stream();
  const at::Tensor value = at::linear(norm(x), weight("self_attn.v_proj"));
  const at::Tensor y = x + at::linear(value, weight("self_attn.o_proj"));
  const at::Tensor gate = at::linear(norm(y), weight("mlp.gate_proj"));
  const at::Tensor up = at::linear(norm(y), weight("mlp.up_proj"));
  const at::Tensor expected = y + at::linear(gate * gate.sigmoid() * up, weight("mlp.down_proj"));
  const at::Tensor out = DecoderBlock(model, 0, x, model.rotary.Rows(0, 1), nullptr);
  CHECK(at::allclose(out, expected, 1e-5, 1e-5));
}

TEST_CASE("A parallel GPT-NeoX block adds both parts to the same stream", "[model]") {
  const c10::InferenceMode inference;
  const Transformer model = Tiny(Family::kGptNeox);
  const BlockWeights& block = model.blocks[0];
  const at::Tensor x = Stream();
  const at::Tensor normed = at::layer_norm(x, {kWidth});
  const at::Tensor fused = at::linear(normed, block.query_key_value.weight_OI).view({2, 3, 8});
  const at::Tensor value = fused.select(1, 2).reshape({1, 1, kWidth});
  const at::Tensor fed = at::linear(at::gelu(at::linear(normed, block.feed_forward_in.weight_OI)),
                                    block.feed_forward_out.weight_OI);
  const at::Tensor expected = x + at::linear(value, block.attention_out.weight_OI) + fed;
  const at::Tensor out = DecoderBlock(model, 0, x, model.rotary.Rows(0, 1), nullptr);
  CHECK(at::allclose(out, expected, 1e-5, 1e-5));
}

}  // namespace
}  // namespace kalavai

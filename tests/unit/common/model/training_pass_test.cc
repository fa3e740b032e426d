// Goal: checkpointing activations changes memory, not one bit; micro-batches add up; bad input.
// Method: two passes over the same tokens of tiny random models, all gradients compared by bits.
// (Gradients against the reference implementation's: decoder_parity_test.)
#include "common/model/training_pass.h"

#include <string>
#include <vector>

#include "common/model/initialization.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

Transformer Tiny(Family family, bool tied) {
  ModelConfig config = ModelConfig::Defaults(family);
  config.vocab_size = 31;
  config.hidden_size = 16;
  config.layer_count = 3;
  config.head_count = 2;
  config.intermediate_size = 24;
  config.context_length = 12;
  config.initializer_range = 0.3;
  config.tied_embeddings = tied;
  auto model = InitializeTransformer(config, 3);
  REQUIRE_OK(model);
  return *std::move(model);
}

at::Tensor Tokens(int64_t chunks) {
  return (at::arange(0, chunks * 12, at::kLong) * 7 % 31).view({chunks, 12});
}

// Every tensor trains from block `first` on; the embedding when `first` is 0.
std::vector<at::Tensor> Train(const Transformer& model, int64_t first) {
  std::vector<at::Tensor> leaves;
  const auto add = [&](at::Tensor tensor) {
    if (tensor.defined()) leaves.push_back(tensor.requires_grad_(true));
  };
  if (first == 0) add(model.embed_in_VD);
  for (size_t layer = static_cast<size_t>(first); layer < model.blocks.size(); ++layer) {
    const BlockWeights& block = model.blocks[layer];
    for (const NormWeights& norm : {block.attention_norm, block.feed_forward_norm}) {
      add(norm.weight_D);
      add(norm.bias_D);
    }
    for (const LinearWeights& linear : {block.query_key_value, block.attention_out,
                                        block.feed_forward_in, block.feed_forward_out}) {
      add(linear.weight_OI);
      add(linear.bias_O);
    }
  }
  add(model.final_norm.weight_D);
  if (!model.config.tied_embeddings) add(model.embed_out_VD);
  return leaves;
}

struct Gradients {
  double loss = 0;
  std::vector<at::Tensor> all;
};
Gradients Run(const Transformer& model, const std::vector<at::Tensor>& leaves,
              const std::vector<at::Tensor>& batches, bool checkpointing) {
  for (at::Tensor leaf : leaves) leaf.mutable_grad() = at::Tensor();
  GradientSum sum;
  for (const at::Tensor& tokens : batches) {
    REQUIRE_OK(AddGradients(model, tokens,
                            {.scale = 0.25, .activation_checkpointing = checkpointing}, sum));
  }
  FinishGradients(model, sum);
  Gradients result = {.loss = sum.loss, .all = {}};
  for (const at::Tensor& leaf : leaves) {
    REQUIRE(leaf.grad().defined());
    result.all.push_back(leaf.grad().clone());
  }
  return result;
}

TEST_CASE("Checkpointing activations gives the same gradients, bit for bit", "[model]") {
  for (const Family family : {Family::kGptNeox, Family::kLlama, Family::kQwen2}) {
    for (const int64_t frozen : {0, 1}) {
      INFO(NameOf(family) << ", " << frozen << " frozen");
      const Transformer model = Tiny(family, family == Family::kLlama && frozen == 0);
      const std::vector<at::Tensor> leaves = Train(model, frozen);
      const Gradients kept = Run(model, leaves, {Tokens(2)}, false);
      const Gradients again = Run(model, leaves, {Tokens(2)}, true);
      CHECK(kept.loss == again.loss);
      for (size_t i = 0; i < kept.all.size(); ++i) CHECK(at::equal(kept.all[i], again.all[i]));
      CHECK(kept.all.front().abs().max().item<double>() > 0.0);
    }
  }
}

TEST_CASE("Micro-batches add up to the batch", "[model]") {
  const Transformer model = Tiny(Family::kLlama, true);
  const std::vector<at::Tensor> leaves = Train(model, 0);
  const at::Tensor tokens = Tokens(4);
  const Gradients whole = Run(model, leaves, {tokens}, false);
  const Gradients parts =
      Run(model, leaves, {tokens.narrow(0, 0, 3), tokens.narrow(0, 3, 1)}, false);
  REQUIRE_NEAR(parts.loss, whole.loss, 1e-5 * whole.loss);
  for (size_t i = 0; i < whole.all.size(); ++i) {
    CHECK(at::allclose(parts.all[i], whole.all[i], 1e-4, 1e-5));
  }
}

TEST_CASE("Tokens that the model does not have, and too many of them, are refused", "[model]") {
  const Transformer model = Tiny(Family::kLlama, false);
  Train(model, 0);
  GradientSum sum;
  const auto invalid = absl::StatusCode::kInvalidArgument;
  REQUIRE_STATUS(AddGradients(model, Tokens(1) + 31, {}, sum), invalid, "TOKEN_OUT_OF_RANGE");
  REQUIRE_STATUS(AddGradients(model, Tokens(1) - 31, {}, sum), invalid, "TOKEN_OUT_OF_RANGE");
  REQUIRE_STATUS(AddGradients(model, at::zeros({1, 13}, at::kLong), {}, sum), invalid,
                 "CONTEXT_EXCEEDED");
  REQUIRE_STATUS(AddGradients(model, at::zeros({0, 12}, at::kLong), {}, sum), invalid,
                 "SHAPE_MISMATCH");
}

}  // namespace
}  // namespace kalavai

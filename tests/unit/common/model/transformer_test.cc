// Goal: a block's fused matrices and the named tensors are one memory, and gradients reach names.
// Method: addresses and writes on either side; the graph of a training step's binding.
#include "common/model/transformer.h"

#include <cmath>

#include "common/model/initialization.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

Transformer Tiny(Family family) {
  ModelConfig config = ModelConfig::Defaults(family);
  config.vocab_size = 20;
  config.hidden_size = 24;
  config.layer_count = 2;
  config.head_count = 3;
  config.kv_head_count = family == Family::kGptNeox ? 0 : 1;
  config.intermediate_size = 40;
  config.context_length = 16;
  config.rotary_fraction = family == Family::kGptNeox ? 0.5 : 1.0;
  config.bos_token_id.reset();
  auto model = InitializeTransformer(config, 3);
  REQUIRE_OK(model);
  return *std::move(model);
}

constexpr char kKey[] = "model.layers.1.self_attn.k_proj.weight";

TEST_CASE("Named tensors are rows of the fused ones, without a copy", "[model]") {
  for (const Family family : {Family::kLlama, Family::kQwen2}) {
    const Transformer model = Tiny(family);
    const at::Tensor fused = model.blocks[1].query_key_value.weight_OI;
    CHECK(fused.sizes() == at::IntArrayRef({24 + 2 * 8, 24}));
    CHECK(model.blocks[0].feed_forward_in.weight_OI.sizes() == at::IntArrayRef({80, 24}));
    CHECK(model.blocks[0].query_key_value.bias_O.defined() == (family == Family::kQwen2));
    CHECK(model.parameters.at(kKey).is_alias_of(fused));
    CHECK(at::equal(model.parameters.at(kKey), fused.narrow(0, 24, 8)));
    model.parameters.at(kKey).fill_(0.5);
    CHECK(fused[24][3].item<float>() == 0.5F);
    CHECK(fused[31][0].item<float>() == 0.5F);
    CHECK(fused[32][0].item<float>() != 0.5F);

    REQUIRE_OK_AND_ASSIGN(const Transformer again, BindParameters(model.config, model.parameters));
    CHECK(again.blocks[1].query_key_value.weight_OI.data_ptr() == fused.data_ptr());
    REQUIRE_OK_AND_ASSIGN(const Transformer same, model.CastTo(WeightType::kFloat32));
    CHECK(same.blocks[1].query_key_value.weight_OI.data_ptr() == fused.data_ptr());
    REQUIRE_OK_AND_ASSIGN(const Transformer own, model.Clone());
    CHECK_FALSE(own.blocks[1].query_key_value.weight_OI.is_alias_of(fused));
    CHECK(at::equal(own.blocks[1].query_key_value.weight_OI, fused));
    CHECK(own.rotary.cos_TR.is_same(model.rotary.cos_TR));
  }
}

TEST_CASE("Gradients of the fused matrix reach the named tensors", "[model]") {
  const Transformer master = Tiny(Family::kLlama);
  for (const auto& [name, tensor] : master.parameters) tensor.requires_grad_(true);
  NamedTensors halves;
  for (const auto& [name, tensor] : master.parameters) halves[name] = tensor.to(at::kBFloat16);
  REQUIRE_OK_AND_ASSIGN(const Transformer compute, BindParameters(master.config, halves));
  compute.blocks[1].query_key_value.weight_OI.narrow(0, 24, 8).sum().backward();
  CHECK(master.parameters.at(kKey).grad().eq(1).all().item<bool>());
  CHECK(master.parameters.at("model.layers.1.self_attn.q_proj.weight")
            .grad()
            .eq(0)
            .all()
            .item<bool>());
}

TEST_CASE("Tensors that are not the model's are refused", "[model]") {
  for (const Family family : {Family::kGptNeox, Family::kLlama}) {
    const Transformer model = Tiny(family);
    const auto invalid = absl::StatusCode::kInvalidArgument;
    NamedTensors missing = model.parameters;
    missing.erase(EmbedOutName(family));
    REQUIRE_STATUS(BindParameters(model.config, missing), invalid, "SHAPE_MISMATCH");
    NamedTensors surplus = model.parameters;
    surplus["extra"] = at::zeros({1});
    REQUIRE_STATUS(BindParameters(model.config, surplus), invalid, "SHAPE_MISMATCH");
    NamedTensors wrong = model.parameters;
    wrong[EmbedInName(family)] = at::zeros({20, 25});
    REQUIRE_STATUS(BindParameters(model.config, wrong), invalid, "SHAPE_MISMATCH");
  }
}

}  // namespace
}  // namespace kalavai

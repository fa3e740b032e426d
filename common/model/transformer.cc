#include "common/model/transformer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/model/head_layout.h"

namespace kalavai {
namespace {

using at::Tensor;

constexpr int64_t kLogitsBlockBytes = 32 * 1024 * 1024;  // float32 logits alive at a time
constexpr int64_t kExplicitAttentionTokens = 512;

absl::Status ShapeMismatch(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "SHAPE_MISMATCH",
                   {.what = std::string(what),
                    .why = "tensors must have the shapes that config.json gives them",
                    .fix = "use weights and config.json of the same model"});
}

absl::Status ContextExceeded(int64_t tokens, int64_t room, absl::string_view of) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CONTEXT_EXCEEDED",
                   {.what = absl::StrCat(tokens, " tokens found; must be at most ", room, ", ", of),
                    .why = "positions beyond the context were never trained",
                    .fix = "use a shorter text",
                    .metadata = {{"actual", absl::StrCat(tokens)}, {"max", absl::StrCat(room)}}});
}

absl::Status CheckTokens(const ModelConfig& config, const Tensor& tokens_BT) {
  if (tokens_BT.dim() != 2 || tokens_BT.numel() == 0) {
    return ShapeMismatch("tokens: must be a non-empty matrix, batch x positions");
  }
  const int64_t low = tokens_BT.min().item<int64_t>();
  const int64_t high = tokens_BT.max().item<int64_t>();
  if (low >= 0 && high < config.vocab_size) return absl::OkStatus();
  const int64_t bad = low < 0 ? low : high;
  return MakeError(
      absl::StatusCode::kInvalidArgument, "TOKEN_OUT_OF_RANGE",
      {.what = absl::StrCat("token ", bad, " found; must be in [0, ", config.vocab_size, ")"),
       .why = "the model has one embedding a token of its vocabulary",
       .fix = "encode the text with the tokenizer of this model",
       .metadata = {{"actual", absl::StrCat(bad)}, {"max", absl::StrCat(config.vocab_size - 1)}}});
}

// The context, and, with a cache, its range, batch and room.
absl::Status CheckRoom(const ModelConfig& config, int64_t batch, int64_t tokens, LayerRange layers,
                       const KvCache* cache) {
  if (cache == nullptr) {
    if (tokens <= config.context_length) return absl::OkStatus();
    return ContextExceeded(tokens, config.context_length, "the model's context length");
  }
  const int64_t count = static_cast<int64_t>(cache->keys_BHTS.size());
  if (cache->first_layer != layers.first || count != layers.last - layers.first) {
    return ShapeMismatch(absl::StrCat("cache: covers blocks [", cache->first_layer, ", ",
                                      cache->first_layer + count, "); must cover [", layers.first,
                                      ", ", layers.last, ")"));
  }
  if (cache->batch != batch) {
    return ShapeMismatch(
        absl::StrCat("cache: made for ", cache->batch, " sequences; ", batch, " found"));
  }
  if (cache->length + tokens <= cache->capacity) return absl::OkStatus();
  return ContextExceeded(cache->length + tokens, cache->capacity, "the capacity of the cache");
}

// cos and sin of position · base^(−2i/R), i < R/2, float32.
void BuildRotaryTables(Transformer& model) {
  const int64_t size = model.config.rotary_size();
  const Tensor exponents = at::arange(0, size, 2, at::kFloat) / static_cast<double>(size);
  const Tensor frequencies = 1.0 / at::pow(at::Scalar(model.config.rotary_base), exponents);
  const Tensor positions = at::arange(0, model.config.context_length, at::kFloat);
  const Tensor angles = at::outer(positions, frequencies);
  model.rotary_cos_TR = angles.cos().to(model.device());  // the same table on every device
  model.rotary_sin_TR = angles.sin().to(model.device());
}

struct Rotation {
  Tensor cos_TR, sin_TR;  // rows of this call's positions
};

Rotation RotationFor(const Transformer& model, int64_t first_position, int64_t tokens) {
  return {model.rotary_cos_TR.narrow(0, first_position, tokens),
          model.rotary_sin_TR.narrow(0, first_position, tokens)};
}

Tensor Norm(const ModelConfig& config, const Tensor& x_BTD, const NormWeights& norm) {
  return at::layer_norm(x_BTD, {config.hidden_size}, norm.weight_D, norm.bias_D,
                        config.layer_norm_epsilon);
}

// The stream may be float32 around bfloat16 layers (mixed precision): inputs take the layer's type.
Tensor Linear(const Tensor& x_BTI, const LinearWeights& linear) {
  return at::linear(x_BTI.to(linear.weight_OI.scalar_type()), linear.weight_OI, linear.bias_O);
}

// Attention with all scores in memory: in bfloat16 with gradients, on short chunks, twice as fast
// as the library's fused kernel (whose backward pass computes in float32).
Tensor AttendExplicitly(const Tensor& query_BHTS, const Tensor& key_BHTS,
                        const Tensor& value_BHTS) {
  const int64_t tokens = query_BHTS.size(2);
  const int64_t head = query_BHTS.size(3);
  const auto flat = [&](const Tensor& x_BHTS) { return x_BHTS.reshape({-1, tokens, head}); };
  const Tensor later = at::full({tokens, tokens}, -std::numeric_limits<double>::infinity(),
                                query_BHTS.options().requires_grad(false))
                           .triu(1);
  const Tensor scores = at::baddbmm(later, flat(query_BHTS), flat(key_BHTS).transpose(1, 2), 1.0,
                                    1.0 / std::sqrt(static_cast<double>(head)));
  return at::bmm(at::softmax(scores, -1), flat(value_BHTS)).view(query_BHTS.sizes());
}

// Softmax attention of the T new positions over all `past + T`; the new keys and values go into the
// cache first.
Tensor Attend(const Tensor& query_BHTS, Tensor key_BHTS, Tensor value_BHTS, KvCache* cache,
              int64_t layer) {
  const int64_t tokens = query_BHTS.size(2);
  std::optional<Tensor> mask;
  bool causal = true;
  if (cache != nullptr) {
    const size_t slot = static_cast<size_t>(layer - cache->first_layer);
    const int64_t past = cache->length;
    cache->keys_BHTS[slot].narrow(2, past, tokens).copy_(key_BHTS);
    cache->values_BHTS[slot].narrow(2, past, tokens).copy_(value_BHTS);
    key_BHTS = cache->keys_BHTS[slot].narrow(2, 0, past + tokens);
    value_BHTS = cache->values_BHTS[slot].narrow(2, 0, past + tokens);
    if (past > 0) {
      causal = false;  // the library aligns its causal mask with position 0, not with `past`
      const at::TensorOptions mask_options = query_BHTS.options().dtype(at::kBool);
      if (tokens > 1) mask = at::ones({tokens, past + tokens}, mask_options).tril(past);
    }
  } else if (query_BHTS.requires_grad() && query_BHTS.scalar_type() == at::kBFloat16 &&
             tokens <= kExplicitAttentionTokens) {
    return AttendExplicitly(query_BHTS, key_BHTS, value_BHTS);
  }
  return at::scaled_dot_product_attention(query_BHTS, key_BHTS, value_BHTS, mask, 0.0, causal);
}

Tensor Attention(const Transformer& model, const BlockWeights& block, const Tensor& normed_BTD,
                 const Rotation& rotation, KvCache* cache, int64_t layer) {
  const int64_t batch = normed_BTD.size(0);
  const int64_t tokens = normed_BTD.size(1);
  const Heads heads = SplitHeads(Linear(normed_BTD, block.query_key_value), rotation.cos_TR,
                                 rotation.sin_TR, model.config.head_count);
  const Tensor mixed_BHTS =
      Attend(heads.query_BHTS, heads.key_BHTS, heads.value_BHTS, cache, layer);
  const Tensor mixed_BTD =
      mixed_BHTS.transpose(1, 2).reshape({batch, tokens, model.config.hidden_size});
  return Linear(mixed_BTD, block.attention_out);
}

Tensor FeedForward(const BlockWeights& block, const Tensor& normed_BTD) {
  return Linear(at::gelu(Linear(normed_BTD, block.feed_forward_in)), block.feed_forward_out);
}

Tensor Block(const Transformer& model, int64_t layer, const Tensor& x_BTD, const Rotation& rotation,
             KvCache* cache) {
  const BlockWeights& block = model.blocks[static_cast<size_t>(layer)];
  const ModelConfig& config = model.config;
  const Tensor attended_BTD =
      Attention(model, block, Norm(config, x_BTD, block.attention_norm), rotation, cache, layer);
  if (config.parallel_residual) {
    const Tensor fed_BTD = FeedForward(block, Norm(config, x_BTD, block.feed_forward_norm));
    return fed_BTD + attended_BTD + x_BTD;  // this order, as transformers adds
  }
  const Tensor y_BTD = attended_BTD + x_BTD;
  return FeedForward(block, Norm(config, y_BTD, block.feed_forward_norm)) + y_BTD;
}

// Blocks [first, last) over the stream; `trunk`, if not null, receives the stream after
// `trunk_depth` blocks.
Tensor RunBlocks(const Transformer& model, Tensor x_BTD, LayerRange layers, KvCache* cache,
                 int64_t trunk_depth, Tensor* trunk) {
  const int64_t tokens = x_BTD.size(1);
  const int64_t past = cache == nullptr ? 0 : cache->length;
  const Rotation rotation = RotationFor(model, past, tokens);
  for (int64_t layer = layers.first; layer < layers.last; ++layer) {
    if (trunk != nullptr && layer == trunk_depth) *trunk = x_BTD;
    x_BTD = Block(model, layer, x_BTD, rotation, cache);
  }
  if (trunk != nullptr && trunk_depth == layers.last) *trunk = x_BTD;
  if (cache != nullptr) cache->length = past + tokens;
  return x_BTD;
}

Tensor Embed(const Transformer& model, const Tensor& tokens_BT) {
  return at::embedding(model.embed_in_VD, tokens_BT.to(model.device()));
}

ForwardResult Finish(const Transformer& model, const Tensor& x_BTD, LogitsWanted wanted) {
  ForwardResult result;
  result.hidden_BTD = Norm(model.config, x_BTD, model.final_norm);
  if (wanted == LogitsWanted::kNone) return result;
  Tensor hidden = result.hidden_BTD;
  if (wanted == LogitsWanted::kLast) hidden = hidden.narrow(1, hidden.size(1) - 1, 1);
  result.logits_BTV = Linear(hidden, {model.embed_out_VD, {}});
  return result;
}

// Calls visit(first_row, log_probs_NV) for blocks of rows of `hidden`, float32.
template <typename Visit>
void ForLogitsBlocks(const Transformer& model, const Tensor& hidden_ND, const Visit& visit) {
  const int64_t rows = hidden_ND.size(0);
  const int64_t step = std::max<int64_t>(1, kLogitsBlockBytes / (4 * model.config.vocab_size));
  for (int64_t first = 0; first < rows; first += step) {
    const int64_t count = std::min(step, rows - first);
    const Tensor logits = Linear(hidden_ND.narrow(0, first, count), {model.embed_out_VD, {}});
    visit(first, at::log_softmax(logits, -1, at::kFloat));
  }
}

std::string BlockPrefix(int64_t layer) { return absl::StrCat("gpt_neox.layers.", layer, "."); }

}  // namespace

at::ScalarType ScalarTypeOf(WeightType type) {
  return type == WeightType::kFloat32 ? at::kFloat : at::kBFloat16;
}

at::Device TorchDevice(Device device) { return device == Device::kCpu ? at::kCPU : at::kCUDA; }

at::Device Transformer::device() const { return embed_in_VD.device(); }

WeightType Transformer::weight_type() const {
  return embed_out_VD.scalar_type() == at::kBFloat16 ? WeightType::kBfloat16 : WeightType::kFloat32;
}

std::map<std::string, std::vector<int64_t>> ParameterShapes(const ModelConfig& config) {
  const int64_t d = config.hidden_size;
  const int64_t inner = config.intermediate_size;
  std::map<std::string, std::vector<int64_t>> shapes;
  shapes["gpt_neox.embed_in.weight"] = {config.vocab_size, d};
  for (int64_t layer = 0; layer < config.layer_count; ++layer) {
    const std::string prefix = BlockPrefix(layer);
    for (const char* norm : {"input_layernorm", "post_attention_layernorm"}) {
      shapes[absl::StrCat(prefix, norm, ".weight")] = {d};
      shapes[absl::StrCat(prefix, norm, ".bias")] = {d};
    }
    shapes[prefix + "attention.query_key_value.weight"] = {3 * d, d};
    shapes[prefix + "attention.query_key_value.bias"] = {3 * d};
    shapes[prefix + "attention.dense.weight"] = {d, d};
    shapes[prefix + "attention.dense.bias"] = {d};
    shapes[prefix + "mlp.dense_h_to_4h.weight"] = {inner, d};
    shapes[prefix + "mlp.dense_h_to_4h.bias"] = {inner};
    shapes[prefix + "mlp.dense_4h_to_h.weight"] = {d, inner};
    shapes[prefix + "mlp.dense_4h_to_h.bias"] = {d};
  }
  shapes["gpt_neox.final_layer_norm.weight"] = {d};
  shapes["gpt_neox.final_layer_norm.bias"] = {d};
  if (!config.tied_embeddings) shapes["embed_out.weight"] = {config.vocab_size, d};
  return shapes;
}

absl::StatusOr<Transformer> BindParameters(const ModelConfig& config, NamedTensors parameters) {
  const auto shapes = ParameterShapes(config);
  for (const auto& [name, shape] : shapes) {
    const auto found = parameters.find(name);
    if (found == parameters.end()) return ShapeMismatch(absl::StrCat(name, ": missing"));
    if (found->second.sizes() != at::IntArrayRef(shape)) {
      return ShapeMismatch(absl::StrCat(name, ": shape [",
                                        absl::StrJoin(found->second.sizes(), ","),
                                        "] found; must be [", absl::StrJoin(shape, ","), "]"));
    }
  }
  for (const auto& [name, tensor] : parameters) {
    if (!shapes.contains(name)) return ShapeMismatch(absl::StrCat(name, ": not of this model"));
  }

  return CatchTorch("bind parameters", [&]() -> absl::StatusOr<Transformer> {
    Transformer model;
    model.config = config;
    model.parameters = std::move(parameters);
    const auto linear = [&](const std::string& name) -> LinearWeights {
      return {model.parameters.at(name + ".weight"), model.parameters.at(name + ".bias")};
    };
    const auto norm = [&](const std::string& name) -> NormWeights {
      return {model.parameters.at(name + ".weight"), model.parameters.at(name + ".bias")};
    };
    model.embed_in_VD = model.parameters.at("gpt_neox.embed_in.weight");
    for (int64_t layer = 0; layer < config.layer_count; ++layer) {
      const std::string prefix = BlockPrefix(layer);
      model.blocks.push_back({.attention_norm = norm(prefix + "input_layernorm"),
                              .query_key_value = linear(prefix + "attention.query_key_value"),
                              .attention_out = linear(prefix + "attention.dense"),
                              .feed_forward_norm = norm(prefix + "post_attention_layernorm"),
                              .feed_forward_in = linear(prefix + "mlp.dense_h_to_4h"),
                              .feed_forward_out = linear(prefix + "mlp.dense_4h_to_h")});
    }
    model.final_norm = norm("gpt_neox.final_layer_norm");
    model.embed_out_VD =
        config.tied_embeddings ? model.embed_in_VD : model.parameters.at("embed_out.weight");
    BuildRotaryTables(model);
    return model;
  });
}

absl::StatusOr<Transformer> Transformer::CastTo(WeightType type) const {
  return CatchTorch("cast weights", [&]() -> absl::StatusOr<Transformer> {
    NamedTensors cast;
    for (const auto& [name, tensor] : parameters) cast[name] = tensor.to(ScalarTypeOf(type));
    ModelConfig cast_config = config;
    cast_config.weight_type = type;
    return BindParameters(cast_config, std::move(cast));
  });
}

absl::StatusOr<Transformer> Transformer::MoveTo(Device device) const {
  return CatchTorch("move weights", [&]() -> absl::StatusOr<Transformer> {
    NamedTensors moved;
    for (const auto& [name, tensor] : parameters) moved[name] = tensor.to(TorchDevice(device));
    return BindParameters(config, std::move(moved));
  });
}

absl::StatusOr<Transformer> Transformer::Clone() const {
  return CatchTorch("copy weights", [&]() -> absl::StatusOr<Transformer> {
    NamedTensors copies;
    for (const auto& [name, tensor] : parameters) copies[name] = tensor.detach().clone();
    return BindParameters(config, std::move(copies));
  });
}

void KvCache::Truncate(int64_t new_length) {
  KALAVAI_CHECK(new_length >= 0 && new_length <= length, "a cache is only cut shorter");
  length = new_length;
}

absl::StatusOr<KvCache> NewKvCache(const ModelConfig& config, WeightType type, int64_t batch,
                                   int64_t capacity, LayerRange layers, at::Device device) {
  const int64_t last = layers.last < 0 ? config.layer_count : layers.last;
  if (capacity > config.context_length) {
    return ContextExceeded(capacity, config.context_length, "the model's context length");
  }
  if (batch < 1 || capacity < 0 || layers.first < 0 || layers.first > last ||
      last > config.layer_count) {
    return ShapeMismatch(absl::StrCat("cache: batch ", batch, ", capacity ", capacity, ", blocks [",
                                      layers.first, ", ", last, ") of ", config.layer_count));
  }
  return CatchTorch("make cache", [&]() -> absl::StatusOr<KvCache> {
    KvCache cache;
    cache.first_layer = layers.first;
    cache.capacity = capacity == 0 ? config.context_length : capacity;
    cache.batch = batch;
    const std::vector<int64_t> shape = {batch, config.head_count, cache.capacity,
                                        config.head_size()};
    const at::TensorOptions tensor = at::device(device).dtype(ScalarTypeOf(type));
    for (int64_t layer = layers.first; layer < last; ++layer) {
      cache.keys_BHTS.push_back(at::empty(shape, tensor));
      cache.values_BHTS.push_back(at::empty(shape, tensor));
    }
    return cache;
  });
}

absl::StatusOr<ForwardResult> Forward(const Transformer& model, const Tensor& tokens_BT,
                                      KvCache* cache, const ForwardOptions& options) {
  return CatchTorch("forward", [&]() -> absl::StatusOr<ForwardResult> {
    RETURN_IF_ERROR(CheckTokens(model.config, tokens_BT));
    const LayerRange all = {0, model.config.layer_count};
    RETURN_IF_ERROR(CheckRoom(model.config, tokens_BT.size(0), tokens_BT.size(1), all, cache));
    if (options.trunk_depth > model.config.layer_count) {
      return ShapeMismatch(absl::StrCat("trunk depth: ", options.trunk_depth, " found; must be ",
                                        "at most ", model.config.layer_count));
    }
    Tensor trunk;
    const Tensor x_BTD =
        RunBlocks(model, Embed(model, tokens_BT), all, cache, options.trunk_depth, &trunk);
    ForwardResult result = Finish(model, x_BTD, options.logits);
    result.trunk_BTD = trunk;
    return result;
  });
}

absl::StatusOr<Tensor> ForwardTrunk(const Transformer& model, const Tensor& tokens_BT,
                                    int64_t depth, KvCache* cache) {
  return CatchTorch("forward trunk", [&]() -> absl::StatusOr<Tensor> {
    RETURN_IF_ERROR(CheckTokens(model.config, tokens_BT));
    const LayerRange layers = {0, depth};
    if (depth < 0 || depth > model.config.layer_count) {
      return ShapeMismatch(absl::StrCat("trunk depth: ", depth, " found; must be in [0, ",
                                        model.config.layer_count, "]"));
    }
    RETURN_IF_ERROR(CheckRoom(model.config, tokens_BT.size(0), tokens_BT.size(1), layers, cache));
    return RunBlocks(model, Embed(model, tokens_BT), layers, cache, -1, nullptr);
  });
}

absl::StatusOr<ForwardResult> ForwardFromTrunk(const Transformer& model, const Tensor& trunk_BTD,
                                               int64_t depth, KvCache* cache,
                                               const ForwardOptions& options) {
  return CatchTorch("forward from trunk", [&]() -> absl::StatusOr<ForwardResult> {
    const LayerRange layers = {depth, model.config.layer_count};
    if (depth < 0 || depth > model.config.layer_count || trunk_BTD.dim() != 3 ||
        trunk_BTD.size(2) != model.config.hidden_size || trunk_BTD.numel() == 0) {
      return ShapeMismatch(absl::StrCat("trunk: depth ", depth, " and shape [",
                                        absl::StrJoin(trunk_BTD.sizes(), ","), "] do not fit"));
    }
    RETURN_IF_ERROR(CheckRoom(model.config, trunk_BTD.size(0), trunk_BTD.size(1), layers, cache));
    Tensor trunk;
    const Tensor x_BTD = RunBlocks(model, trunk_BTD, layers, cache, options.trunk_depth, &trunk);
    ForwardResult result = Finish(model, x_BTD, options.logits);
    result.trunk_BTD = trunk;
    return result;
  });
}

absl::StatusOr<Tensor> LogProbsOfTargets(const Transformer& model, const Tensor& hidden_BTD,
                                         const Tensor& targets_BT) {
  return CatchTorch("log-probabilities", [&]() -> absl::StatusOr<Tensor> {
    const at::NoGradGuard no_graph;
    if (hidden_BTD.dim() != 3 || hidden_BTD.size(2) != model.config.hidden_size ||
        targets_BT.dim() != 2 || targets_BT.size(0) != hidden_BTD.size(0) ||
        targets_BT.size(1) != hidden_BTD.size(1)) {
      return ShapeMismatch(
          "log-probabilities: hidden and targets must agree in batch and position");
    }
    RETURN_IF_ERROR(CheckTokens(model.config, targets_BT));
    const Tensor hidden_ND = hidden_BTD.reshape({-1, model.config.hidden_size});
    const Tensor targets_N1 = targets_BT.to(hidden_ND.device(), at::kLong).reshape({-1, 1});
    Tensor result_N1 = at::empty({hidden_ND.size(0), 1}, hidden_ND.options().dtype(at::kFloat));
    ForLogitsBlocks(model, hidden_ND, [&](int64_t first, const Tensor& log_probs_NV) {
      const int64_t count = log_probs_NV.size(0);
      result_N1.narrow(0, first, count)
          .copy_(log_probs_NV.gather(1, targets_N1.narrow(0, first, count)));
    });
    return result_N1.view(targets_BT.sizes());
  });
}

absl::StatusOr<Tensor> LogProbsOfVocabulary(const Transformer& model, const Tensor& hidden) {
  return CatchTorch("log-probabilities", [&]() -> absl::StatusOr<Tensor> {
    const at::NoGradGuard no_graph;
    if (hidden.dim() < 1 || hidden.size(-1) != model.config.hidden_size) {
      return ShapeMismatch("log-probabilities: the last dimension of hidden must be hidden_size");
    }
    return at::log_softmax(Linear(hidden, {model.embed_out_VD, {}}), -1, at::kFloat);
  });
}

}  // namespace kalavai

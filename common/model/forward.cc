#include "common/model/forward.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/model/decode_step.h"
#include "common/model/decoder_block.h"
#include "common/model/layers.h"
#include "common/model/row_kernels.h"
#include "common/model/shape_error.h"

namespace kalavai {
namespace {

using at::Tensor;

constexpr int64_t kLogitsBlockBytes = 32 * 1024 * 1024;  // float32 logits alive at a time

// The context, and, with a cache, its range, batch and room.
absl::Status CheckRoom(const ModelConfig& config, int64_t batch, int64_t tokens, LayerRange layers,
                       const KvCache* cache) {
  if (cache == nullptr) {
    if (tokens <= config.context_length) return absl::OkStatus();
    return ContextExceeded(tokens, config.context_length, "the model's context length");
  }
  const int64_t count = static_cast<int64_t>(cache->keys_BGTS.size());
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

// Blocks [first, last) over the stream; `trunk`, if not null, receives the stream after
// `trunk_depth` blocks.
Tensor RunBlocks(const Transformer& model, Tensor x_BTD, LayerRange layers, KvCache* cache,
                 int64_t trunk_depth, Tensor* trunk) {
  const int64_t tokens = x_BTD.size(1);
  const int64_t past = cache == nullptr ? 0 : cache->length;
  if (IsDecodeStep(model, x_BTD, cache)) {
    x_BTD = DecodeBlocks(model, x_BTD, layers, cache, trunk_depth, trunk);
    cache->length = past + tokens;
    return x_BTD;
  }
  const RotaryTable rotation = model.rotary.Rows(past, tokens);
  for (int64_t layer = layers.first; layer < layers.last; ++layer) {
    if (trunk != nullptr && layer == trunk_depth) *trunk = x_BTD;
    x_BTD = DecoderBlock(model, layer, x_BTD, rotation, cache);
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
  // A decode step's stream is float32; the norm's weights say what the model computes in.
  result.hidden_BTD =
      Norm(model.config, x_BTD.to(model.final_norm.weight_D.scalar_type()), model.final_norm);
  if (wanted == LogitsWanted::kNone) return result;
  Tensor hidden = result.hidden_BTD;
  if (wanted == LogitsWanted::kLast) hidden = hidden.narrow(1, hidden.size(1) - 1, 1);
  result.logits_BTV = IsOneRow(model, hidden)
                          ? RowLogits(model, hidden).to(model.embed_out_VD.scalar_type())
                          : Linear(hidden, {model.embed_out_VD, {}}, model.product_type);
  return result;
}

// log softmax(logits)[target] of each row, float32.
Tensor LogProbRows(const Tensor& logits_NV, const Tensor& targets_N) {
  if (!logits_NV.is_cpu()) {
    return at::log_softmax(logits_NV, -1, at::kFloat).gather(1, targets_N.view({-1, 1})).view({-1});
  }
  const int64_t width = logits_NV.size(1);
  const Tensor result_N = at::empty({logits_NV.size(0)}, at::kFloat);
  const int64_t* const targets = targets_N.const_data_ptr<int64_t>();
  float* const result = result_N.mutable_data_ptr<float>();
  const auto run = [&](const auto* logits) {
    at::parallel_for(0, logits_NV.size(0), 1, [&](int64_t first, int64_t last) {
      for (int64_t n = first; n < last; ++n) {
        result[n] = LogProbRow(targets[n], width, logits + n * width);
      }
    });
  };
  if (logits_NV.scalar_type() == at::kBFloat16) {
    run(static_cast<const Bfloat16Bits*>(logits_NV.const_data_ptr()));
  } else {
    run(static_cast<const float*>(logits_NV.const_data_ptr()));
  }
  return result_N;
}

}  // namespace

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
    const Tensor targets_N = targets_BT.to(hidden_ND.device(), at::kLong).reshape({-1});
    const Tensor result_N = at::empty({hidden_ND.size(0)}, hidden_ND.options().dtype(at::kFloat));
    const int64_t rows = hidden_ND.size(0);
    const int64_t step = std::max<int64_t>(1, kLogitsBlockBytes / (4 * model.config.vocab_size));
    for (int64_t first = 0; first < rows; first += step) {
      const int64_t count = std::min(step, rows - first);
      const Tensor logits_NV =
          Linear(hidden_ND.narrow(0, first, count), {model.embed_out_VD, {}}, model.product_type);
      result_N.narrow(0, first, count)
          .copy_(LogProbRows(logits_NV, targets_N.narrow(0, first, count)));
    }
    return result_N.view(targets_BT.sizes());
  });
}

absl::StatusOr<Tensor> LogProbsOfVocabulary(const Transformer& model, const Tensor& hidden) {
  return CatchTorch("log-probabilities", [&]() -> absl::StatusOr<Tensor> {
    const at::NoGradGuard no_graph;
    if (hidden.dim() < 1 || hidden.size(-1) != model.config.hidden_size) {
      return ShapeMismatch("log-probabilities: the last dimension of hidden must be hidden_size");
    }
    return at::log_softmax(IsOneRow(model, hidden)
                               ? RowLogits(model, hidden)
                               : Linear(hidden, {model.embed_out_VD, {}}, model.product_type),
                           -1, at::kFloat);
  });
}

}  // namespace kalavai

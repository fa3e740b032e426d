#include "common/model/decode_step.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <ATen/Parallel.h>

#include "common/model/head_layout.h"
#include "common/model/matrix_vector.h"

namespace kalavai {
namespace {

using at::Tensor;

constexpr int64_t kProductsPerTask = 32 * 1024;  // a thread is not worth waking for less

template <typename Weight>
const Weight* DataOf(const Tensor& tensor);
template <>
const float* DataOf(const Tensor& tensor) {
  return tensor.const_data_ptr<float>();
}
template <>
const Bfloat16Bits* DataOf(const Tensor& tensor) {
  return reinterpret_cast<const Bfloat16Bits*>(tensor.const_data_ptr<at::BFloat16>());
}

float Widen(float value) { return value; }
float Widen(Bfloat16Bits bits) { return FloatOf(bits); }
void Narrow(float value, float* to) { *to = value; }
void Narrow(float value, Bfloat16Bits* to) { *to = Bfloat16Of(value); }

// Calls visit(first, last) for ranges of rows of `inputs` products each, on several threads.
template <typename Visit>
void OverRows(int64_t rows, int64_t inputs, const Visit& visit) {
  at::parallel_for(0, rows, std::max<int64_t>(1, kProductsPerTask / inputs), visit);
}

// W x + b for rows [first, last) of y.
template <typename Weight>
void Product(const LinearWeights& linear, const float* x_I, int64_t first, int64_t last,
             float* y_O) {
  MultiplyRows(DataOf<Weight>(linear.weight_OI), linear.weight_OI.size(1), x_I, first, last, y_O);
  if (!linear.bias_O.defined()) return;
  const Weight* bias_O = DataOf<Weight>(linear.bias_O);
  for (int64_t r = first; r < last; ++r) y_O[r] += Widen(bias_O[r]);
}

template <typename Weight>
void NormInto(const ModelConfig& config, const std::vector<float>& x_D, const NormWeights& norm,
              std::vector<float>& y_D) {
  const size_t size = x_D.size();
  const Weight* weight_D = DataOf<Weight>(norm.weight_D);
  double mean = 0.0;
  double square = 0.0;
  if (!config.rms_norm()) {
    for (const float x : x_D) mean += static_cast<double>(x);
    mean /= static_cast<double>(size);
  }
  for (const float x : x_D)
    square += (static_cast<double>(x) - mean) * (static_cast<double>(x) - mean);
  const double scale = 1.0 / std::sqrt(square / static_cast<double>(size) + config.norm_epsilon);
  for (size_t i = 0; i < size; ++i) {
    y_D[i] = static_cast<float>((static_cast<double>(x_D[i]) - mean) * scale) * Widen(weight_D[i]);
  }
  if (!norm.bias_D.defined()) return;
  const Weight* bias_D = DataOf<Weight>(norm.bias_D);
  for (size_t i = 0; i < size; ++i) y_D[i] += Widen(bias_D[i]);
}

// Turns the first 2R dimensions of a head by the position's angles.
void Rotate(const RotaryTable& rotation, float* head_S) {
  const int64_t half = rotation.cos_TR.size(1);
  const float* cos_R = rotation.cos_TR.const_data_ptr<float>();
  const float* sin_R = rotation.sin_TR.const_data_ptr<float>();
  for (int64_t i = 0; i < half; ++i) {
    const float a = head_S[i];
    const float b = head_S[i + half];
    head_S[i] = a * cos_R[i] - b * sin_R[i];
    head_S[i + half] = b * cos_R[i] + a * sin_R[i];
  }
}

void SoftmaxInPlace(std::vector<float>& scores) {
  const float highest = *std::max_element(scores.begin(), scores.end());
  float sum = 0.0F;
  for (float& score : scores) sum += score = std::exp(score - highest);
  for (float& score : scores) score /= sum;
}

// The buffers of one token, used again by every block.
struct Activations {
  Activations(const ModelConfig& config, const HeadLayout& layout)
      : stream_D(static_cast<size_t>(config.hidden_size)),
        normed_D(stream_D.size()),
        attended_D(stream_D.size()),
        heads(static_cast<size_t>(layout.slots() * config.head_size())),
        mixed_Q(static_cast<size_t>(config.query_size())),
        inner_I(static_cast<size_t>(config.intermediate_size) *
                (config.gated_feed_forward() ? 2 : 1)),
        fed_D(stream_D.size()) {}

  std::vector<float> stream_D, normed_D, attended_D;
  std::vector<float> heads;  // query, key and value of all heads, as HeadLayout orders them
  std::vector<float> mixed_Q, inner_I, fed_D;
};

template <typename Weight>
class Decoder {
 public:
  Decoder(const Transformer& model, KvCache& cache)
      : model_(model),
        config_(model.config),
        layout_(HeadLayoutOf(config_)),
        cache_(cache),
        rotation_(model.rotary.Rows(cache.length, 1)),
        buffers_(config_, layout_) {}

  std::vector<float>& stream() { return buffers_.stream_D; }

  void RunBlock(int64_t layer) {
    const BlockWeights& block = model_.blocks[static_cast<size_t>(layer)];
    std::vector<float>& x_D = buffers_.stream_D;
    NormInto<Weight>(config_, x_D, block.attention_norm, buffers_.normed_D);
    Attention(block, layer);
    if (!config_.parallel_residual) Add(buffers_.attended_D, x_D);
    NormInto<Weight>(config_, x_D, block.feed_forward_norm, buffers_.normed_D);
    FeedForward(block);
    Add(buffers_.fed_D, x_D);
    if (config_.parallel_residual) Add(buffers_.attended_D, x_D);
  }

 private:
  static void Add(const std::vector<float>& from, std::vector<float>& to) {
    for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
  }

  float* Query(int64_t head) {
    return buffers_.heads.data() + (layout_.interleaved ? 3 * head : head) * config_.head_size();
  }
  float* Key(int64_t head) {
    const int64_t slot = layout_.interleaved ? 3 * head + 1 : layout_.heads + head;
    return buffers_.heads.data() + slot * config_.head_size();
  }
  float* Value(int64_t head) {
    return Key(head) + (layout_.interleaved ? 1 : layout_.kv_heads) * config_.head_size();
  }

  void Attention(const BlockWeights& block, int64_t layer) {
    OverRows(layout_.slots() * config_.head_size(), config_.hidden_size,
             [&](int64_t first, int64_t last) {
               Product<Weight>(block.query_key_value, buffers_.normed_D.data(), first, last,
                               buffers_.heads.data());
             });
    const size_t slot = static_cast<size_t>(layer - cache_.first_layer);
    Weight* keys_GTS = const_cast<Weight*>(DataOf<Weight>(cache_.keys_BGTS[slot]));
    Weight* values_GTS = const_cast<Weight*>(DataOf<Weight>(cache_.values_BGTS[slot]));
    AppendToCache(keys_GTS, values_GTS);
    OverRows(layout_.heads, (cache_.length + 1) * config_.head_size(),
             [&](int64_t first, int64_t last) {
               for (int64_t h = first; h < last; ++h) Attend(h, keys_GTS, values_GTS);
             });
    OverRows(config_.hidden_size, config_.query_size(), [&](int64_t first, int64_t last) {
      Product<Weight>(block.attention_out, buffers_.mixed_Q.data(), first, last,
                      buffers_.attended_D.data());
    });
  }

  void AppendToCache(Weight* keys_GTS, Weight* values_GTS) {
    const int64_t size = config_.head_size();
    for (int64_t h = 0; h < layout_.heads; ++h) Rotate(rotation_, Query(h));
    for (int64_t g = 0; g < layout_.kv_heads; ++g) {
      Rotate(rotation_, Key(g));
      const int64_t row = (g * cache_.capacity + cache_.length) * size;
      for (int64_t i = 0; i < size; ++i) {
        Narrow(Key(g)[i], keys_GTS + row + i);
        Narrow(Value(g)[i], values_GTS + row + i);
      }
    }
  }

  // One query head over all positions, this one included.
  void Attend(int64_t head, const Weight* keys_GTS, const Weight* values_GTS) {
    const int64_t size = config_.head_size();
    const int64_t positions = cache_.length + 1;
    const int64_t group = head / (layout_.heads / layout_.kv_heads);
    const int64_t offset = group * cache_.capacity * size;
    std::vector<float> scores(static_cast<size_t>(positions));
    MultiplyRows(keys_GTS + offset, size, Query(head), 0, positions, scores.data());
    const float scale = 1.0F / std::sqrt(static_cast<float>(size));
    for (float& score : scores) score *= scale;
    SoftmaxInPlace(scores);
    float* mixed_S = buffers_.mixed_Q.data() + head * size;
    std::fill_n(mixed_S, size, 0.0F);
    AddScaledRows(values_GTS + offset, size, scores.data(), positions, mixed_S);
  }

  void FeedForward(const BlockWeights& block) {
    const int64_t inner = config_.intermediate_size;
    const float* x_D = buffers_.normed_D.data();
    float* y_I = buffers_.inner_I.data();
    OverRows(inner, config_.hidden_size, [&](int64_t first, int64_t last) {
      Product<Weight>(block.feed_forward_in, x_D, first, last, y_I);
      if (config_.gated_feed_forward()) {  // gate above up: silu(gate) · up
        Product<Weight>(block.feed_forward_in, x_D, first + inner, last + inner, y_I);
        for (int64_t i = first; i < last; ++i) {
          y_I[i] *= y_I[i + inner] / (1.0F + std::exp(-y_I[i]));
        }
      } else {
        const float root_half = std::sqrt(0.5F);
        for (int64_t i = first; i < last; ++i)
          y_I[i] *= 0.5F * (1.0F + std::erf(y_I[i] * root_half));
      }
    });
    OverRows(config_.hidden_size, inner, [&](int64_t first, int64_t last) {
      Product<Weight>(block.feed_forward_out, y_I, first, last, buffers_.fed_D.data());
    });
  }

  const Transformer& model_;
  const ModelConfig& config_;
  const HeadLayout layout_;
  KvCache& cache_;
  const RotaryTable rotation_;
  Activations buffers_;
};

Tensor FloatsOf(const std::vector<float>& x_D) {
  Tensor tensor = at::empty({1, 1, static_cast<int64_t>(x_D.size())}, at::kFloat);
  std::copy(x_D.begin(), x_D.end(), tensor.mutable_data_ptr<float>());
  return tensor;
}

template <typename Weight>
Tensor DecodeBlocksOf(const Transformer& model, const Tensor& x_BTD, LayerRange layers,
                      KvCache& cache, int64_t trunk_depth, Tensor* trunk) {
  Decoder<Weight> decoder(model, cache);
  const Tensor x_D = x_BTD.to(at::kFloat).contiguous();
  std::copy_n(x_D.const_data_ptr<float>(), x_D.numel(), decoder.stream().begin());
  for (int64_t layer = layers.first; layer < layers.last; ++layer) {
    if (trunk != nullptr && layer == trunk_depth) *trunk = FloatsOf(decoder.stream());
    decoder.RunBlock(layer);
  }
  if (trunk != nullptr && trunk_depth == layers.last) *trunk = FloatsOf(decoder.stream());
  return FloatsOf(decoder.stream());
}

bool OneType(const Transformer& model) {
  const at::ScalarType type = model.embed_out_VD.scalar_type();
  if (type != at::kFloat && type != at::kBFloat16) return false;
  return model.final_norm.weight_D.scalar_type() == type &&
         model.embed_in_VD.scalar_type() == type && model.embed_out_VD.is_contiguous();
}

}  // namespace

bool IsDecodeStep(const Transformer& model, const Tensor& x_BTD, const KvCache* cache) {
  return cache != nullptr && cache->length > 0 && x_BTD.size(0) == 1 && x_BTD.size(1) == 1 &&
         model.device().is_cpu() && !x_BTD.requires_grad() && OneType(model);
}

Tensor DecodeBlocks(const Transformer& model, const Tensor& x_BTD, LayerRange layers,
                    KvCache* cache, int64_t trunk_depth, Tensor* trunk) {
  return model.embed_out_VD.scalar_type() == at::kFloat
             ? DecodeBlocksOf<float>(model, x_BTD, layers, *cache, trunk_depth, trunk)
             : DecodeBlocksOf<Bfloat16Bits>(model, x_BTD, layers, *cache, trunk_depth, trunk);
}

bool IsOneRow(const Transformer& model, const Tensor& hidden) {
  return hidden.numel() == model.config.hidden_size && model.device().is_cpu() &&
         !at::GradMode::is_enabled() && OneType(model);
}

Tensor RowLogits(const Transformer& model, const Tensor& hidden) {
  std::vector<int64_t> shape = hidden.sizes().vec();
  shape.back() = model.config.vocab_size;
  Tensor logits = at::empty(shape, at::kFloat);
  float* y_V = logits.mutable_data_ptr<float>();
  const Tensor x_D = hidden.to(at::kFloat).contiguous();
  const float* x = x_D.const_data_ptr<float>();
  const LinearWeights head = {model.embed_out_VD, {}};
  OverRows(model.config.vocab_size, model.config.hidden_size, [&](int64_t first, int64_t last) {
    if (model.embed_out_VD.scalar_type() == at::kFloat) {
      Product<float>(head, x, first, last, y_V);
    } else {
      Product<Bfloat16Bits>(head, x, first, last, y_V);
    }
  });
  return logits;
}

}  // namespace kalavai

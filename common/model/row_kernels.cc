#include "common/model/row_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace kalavai {
namespace {

// Inlined into each clone, so that each is compiled for its target.
#define KALAVAI_KERNEL static inline __attribute__((always_inline))
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define KALAVAI_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KALAVAI_CLONES
#endif

KALAVAI_KERNEL float Wide(float value) { return value; }
KALAVAI_KERNEL float Wide(Bfloat16Bits bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

KALAVAI_KERNEL void Store(float value, float& to) { to = value; }
// To nearest, ties to even; NaN becomes the quiet one.
KALAVAI_KERNEL void Store(float value, Bfloat16Bits& to) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  const bool nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
  to = static_cast<Bfloat16Bits>(nan ? 0x7FC0U : rounded);
}

template <typename Scalar>
KALAVAI_KERNEL float Rounded(float value) {
  Scalar stored;
  Store(value, stored);
  return Wide(stored);
}

// e^x by Cephes' expf: x = n·ln 2 + r, |r| ≤ ln 2 / 2, a polynomial for e^r, and n added to the
// exponent. Below −87 it gives e^−87, above 88 e^88: what silu makes of them is 0 and z.
KALAVAI_KERNEL float Exp(float x) {
  constexpr float kShift = 12582912.0F;  // 1.5 · 2^23: adding it rounds to an integer
  constexpr int32_t kShiftBits = 0x4B400000;
  x = x < -87.0F ? -87.0F : x;
  x = x > 88.0F ? 88.0F : x;
  const float shifted = x * 1.44269504088896341F + kShift;
  const float n = shifted - kShift;
  float r = x - n * 0.693359375F;
  r = r + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  const float power = p * r * r + r + 1.0F;
  const int32_t exponent = std::bit_cast<int32_t>(shifted) - kShiftBits;
  return power * std::bit_cast<float>((exponent + 127) << 23);
}

KALAVAI_KERNEL float Sigmoid(float z) { return 1.0F / (1.0F + Exp(-z)); }

constexpr int64_t kLanes = 32;  // partial sums, so that a sum can use vectors
constexpr int64_t kRowKept = 512;

// Σ term(i) for i < count.
template <typename Term>
KALAVAI_KERNEL float SumOf(int64_t count, const Term& term) {
  float sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += term(i + lane);
  }
  float rest = 0.0F;
  for (; i < count; ++i) rest += term(i);
  for (const float sum : sums) rest += sum;
  return rest;
}

template <typename In, typename Out>
KALAVAI_KERNEL float Norm(const In* x, const In* weight, float epsilon, int64_t count, Out* y) {
  const float squares = SumOf(
      count, [x](int64_t i) __attribute__((always_inline)) { return Wide(x[i]) * Wide(x[i]); });
  const float scale = 1.0F / std::sqrt(squares / static_cast<float>(count) + epsilon);
  for (int64_t i = 0; i < count; ++i) {
    Store(Rounded<In>(Wide(x[i]) * scale) * Wide(weight[i]), y[i]);
  }
  return scale;
}

template <typename In, typename Out>
KALAVAI_KERNEL void NormBack(const In* x, const In* weight, float scale, const Out* gradient,
                             int64_t count, In* x_gradient, float* weight_gradient) {
  const float sum = SumOf(
      count, [=](int64_t i) __attribute__((always_inline)) {
        return Wide(gradient[i]) * Wide(weight[i]) * (Wide(x[i]) * scale);
      });
  const float mean = sum / static_cast<float>(count);
  for (int64_t i = 0; i < count; ++i) {
    const float normed = Wide(x[i]) * scale;
    const float slope = Wide(gradient[i]);
    Store(scale * (slope * Wide(weight[i]) - normed * mean), x_gradient[i]);
    weight_gradient[i] += slope * normed;
  }
}

template <typename Scalar>
KALAVAI_KERNEL void Rotate(const Scalar* from, const float* cos, const float* sin, float direction,
                           int64_t half, int64_t count, Scalar* to) {
  for (int64_t i = 0; i < half; ++i) {
    const float a = Wide(from[i]);
    const float b = Wide(from[i + half]);
    const float s = direction * sin[i];
    Store(a * cos[i] - b * s, to[i]);
    Store(b * cos[i] + a * s, to[i + half]);
  }
  std::copy(from + 2 * half, from + count, to + 2 * half);
}

template <typename Scalar>
KALAVAI_KERNEL void SwiGlu(const Scalar* inner, int64_t count, Scalar* out) {
  const Scalar* const up = inner + count;
  for (int64_t i = 0; i < count; ++i) {
    const float gate = Wide(inner[i]);
    Store(Rounded<Scalar>(gate * Sigmoid(gate)) * Wide(up[i]), out[i]);
  }
}

// d silu / dz = σ(z)·(1 + z·(1 − σ(z))).
template <typename Scalar>
KALAVAI_KERNEL void SwiGluBack(const Scalar* inner, const Scalar* gradient, int64_t count,
                               Scalar* inner_gradient) {
  const Scalar* const up = inner + count;
  Scalar* const up_gradient = inner_gradient + count;
  for (int64_t i = 0; i < count; ++i) {
    const float gate = Wide(inner[i]);
    const float slope = Wide(gradient[i]);
    const float sigmoid = Sigmoid(gate);
    Store(slope * gate * sigmoid, up_gradient[i]);
    Store(slope * Wide(up[i]) * sigmoid * (1.0F + gate * (1.0F - sigmoid)), inner_gradient[i]);
  }
}

template <typename Scalar>
KALAVAI_KERNEL float HighestOf(int64_t count, const Scalar* values) {
  float highest[kLanes];
  std::fill(highest, highest + kLanes, Wide(values[0]));
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const float value = Wide(values[i + lane]);
      highest[lane] = value > highest[lane] ? value : highest[lane];
    }
  }
  for (; i < count; ++i) highest[0] = std::max(highest[0], Wide(values[i]));
  return *std::max_element(highest, highest + kLanes);
}

template <typename Scalar>
KALAVAI_KERNEL void CausalSoftmax(float scale, int64_t valid, int64_t count, Scalar* scores) {
  const float highest = HighestOf(valid, scores);
  const auto power = [=](int64_t j) __attribute__((always_inline)) {
    return Exp(scale * (Wide(scores[j]) - highest));
  };
  if (valid <= kRowKept) {
    float kept[kRowKept];  // an exponential costs more than keeping it
    for (int64_t j = 0; j < valid; ++j) kept[j] = power(j);
    const float inverse =
        1.0F / SumOf(
                   valid, [&kept](int64_t j) __attribute__((always_inline)) { return kept[j]; });
    for (int64_t j = 0; j < valid; ++j) Store(kept[j] * inverse, scores[j]);
  } else {
    const float inverse = 1.0F / SumOf(valid, power);
    for (int64_t j = 0; j < valid; ++j) Store(power(j) * inverse, scores[j]);
  }
  std::fill(scores + valid, scores + count, Scalar{0});
}

template <typename Scalar>
KALAVAI_KERNEL void CausalSoftmaxBack(const Scalar* p, float scale, int64_t valid, int64_t count,
                                      Scalar* gradient) {
  const float sum = SumOf(
      valid, [=](int64_t j)
                 __attribute__((always_inline)) { return Wide(p[j]) * Wide(gradient[j]); });
  for (int64_t j = 0; j < valid; ++j) {
    Store(scale * Wide(p[j]) * (Wide(gradient[j]) - sum), gradient[j]);
  }
  std::fill(gradient + valid, gradient + count, Scalar{0});
}

template <typename Scalar>
KALAVAI_KERNEL float LogProb(int64_t target, int64_t count, const Scalar* logits) {
  const float highest = HighestOf(count, logits);
  const float sum = SumOf(
      count, [=](int64_t v)
                 __attribute__((always_inline)) { return Exp(Wide(logits[v]) - highest); });
  return Wide(logits[target]) - highest - std::log(sum);
}

template <typename Scalar>
KALAVAI_KERNEL float CrossEntropy(int64_t target, int64_t count, Scalar* logits) {
  const float highest = HighestOf(count, logits);
  const float wanted = Wide(logits[target]);
  const auto power = [=](int64_t v) __attribute__((always_inline)) {
    return Exp(Wide(logits[v]) - highest);
  };
  const float sum = SumOf(count, power);
  const float inverse = 1.0F / sum;
  const float hit = power(target) * inverse - 1.0F;
  for (int64_t v = 0; v < count; ++v) Store(power(v) * inverse, logits[v]);
  Store(hit, logits[target]);
  return std::log(sum) + highest - wanted;
}

}  // namespace

KALAVAI_CLONES float NormRow(const float* x, const float* weight, float epsilon, int64_t count,
                             float* y) {
  return Norm(x, weight, epsilon, count, y);
}
KALAVAI_CLONES float NormRow(const float* x, const float* weight, float epsilon, int64_t count,
                             Bfloat16Bits* y) {
  return Norm(x, weight, epsilon, count, y);
}
KALAVAI_CLONES float NormRow(const Bfloat16Bits* x, const Bfloat16Bits* weight, float epsilon,
                             int64_t count, Bfloat16Bits* y) {
  return Norm(x, weight, epsilon, count, y);
}

KALAVAI_CLONES void NormRowBack(const float* x, const float* weight, float scale,
                                const float* gradient, int64_t count, float* x_gradient,
                                float* weight_gradient) {
  NormBack(x, weight, scale, gradient, count, x_gradient, weight_gradient);
}
KALAVAI_CLONES void NormRowBack(const float* x, const float* weight, float scale,
                                const Bfloat16Bits* gradient, int64_t count, float* x_gradient,
                                float* weight_gradient) {
  NormBack(x, weight, scale, gradient, count, x_gradient, weight_gradient);
}
KALAVAI_CLONES void NormRowBack(const Bfloat16Bits* x, const Bfloat16Bits* weight, float scale,
                                const Bfloat16Bits* gradient, int64_t count,
                                Bfloat16Bits* x_gradient, float* weight_gradient) {
  NormBack(x, weight, scale, gradient, count, x_gradient, weight_gradient);
}

KALAVAI_CLONES void RotateRow(const float* from, const float* cos, const float* sin,
                              float direction, int64_t half, int64_t count, float* to) {
  Rotate(from, cos, sin, direction, half, count, to);
}
KALAVAI_CLONES void RotateRow(const Bfloat16Bits* from, const float* cos, const float* sin,
                              float direction, int64_t half, int64_t count, Bfloat16Bits* to) {
  Rotate(from, cos, sin, direction, half, count, to);
}

KALAVAI_CLONES void SwiGluRow(const float* inner, int64_t count, float* out) {
  SwiGlu(inner, count, out);
}
KALAVAI_CLONES void SwiGluRow(const Bfloat16Bits* inner, int64_t count, Bfloat16Bits* out) {
  SwiGlu(inner, count, out);
}

KALAVAI_CLONES void SwiGluRowBack(const float* inner, const float* gradient, int64_t count,
                                  float* inner_gradient) {
  SwiGluBack(inner, gradient, count, inner_gradient);
}
KALAVAI_CLONES void SwiGluRowBack(const Bfloat16Bits* inner, const Bfloat16Bits* gradient,
                                  int64_t count, Bfloat16Bits* inner_gradient) {
  SwiGluBack(inner, gradient, count, inner_gradient);
}

KALAVAI_CLONES void CausalSoftmaxRow(float scale, int64_t valid, int64_t count, float* scores) {
  CausalSoftmax(scale, valid, count, scores);
}
KALAVAI_CLONES void CausalSoftmaxRow(float scale, int64_t valid, int64_t count,
                                     Bfloat16Bits* scores) {
  CausalSoftmax(scale, valid, count, scores);
}

KALAVAI_CLONES void CausalSoftmaxRowBack(const float* p, float scale, int64_t valid, int64_t count,
                                         float* gradient) {
  CausalSoftmaxBack(p, scale, valid, count, gradient);
}
KALAVAI_CLONES void CausalSoftmaxRowBack(const Bfloat16Bits* p, float scale, int64_t valid,
                                         int64_t count, Bfloat16Bits* gradient) {
  CausalSoftmaxBack(p, scale, valid, count, gradient);
}

KALAVAI_CLONES float LogProbRow(int64_t target, int64_t count, const float* logits) {
  return LogProb(target, count, logits);
}
KALAVAI_CLONES float LogProbRow(int64_t target, int64_t count, const Bfloat16Bits* logits) {
  return LogProb(target, count, logits);
}

KALAVAI_CLONES float CrossEntropyRow(int64_t target, int64_t count, float* logits) {
  return CrossEntropy(target, count, logits);
}
KALAVAI_CLONES float CrossEntropyRow(int64_t target, int64_t count, Bfloat16Bits* logits) {
  return CrossEntropy(target, count, logits);
}

}  // namespace kalavai

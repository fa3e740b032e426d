// The loops over one row that a block needs besides its matrix products: norm, rotation, SwiGLU,
// causal softmax, cross-entropy, and their gradients. Plain arrays, no LibTorch; each is compiled
// for AVX-512, AVX2 and the baseline, and the processor chooses once. Callers split rows over
// threads.
//
// Arithmetic is float32 whatever the types; values are rounded where they are stored. bfloat16
// values are given as their 16 bits (common/model/matrix_vector.h). The exponential is a
// polynomial within 2 units in the last place of float32. A row's result depends on the row and the
// processor's vector width only.
// Threads: pure functions. Errors: none; the caller checks shapes.
#ifndef KALAVAI_COMMON_MODEL_ROW_KERNELS_H_
#define KALAVAI_COMMON_MODEL_ROW_KERNELS_H_

#include <cstdint>

#include "common/model/matrix_vector.h"

namespace kalavai {

// y[i] = round(weight[i] · round(x[i] · scale)), scale = 1/√(mean(x²) + epsilon), which it returns.
// Rounded to x's type inside, as transformers' LlamaRMSNorm does, and to y's at the end.
float NormRow(const float* x, const float* weight, float epsilon, int64_t count, float* y);
float NormRow(const float* x, const float* weight, float epsilon, int64_t count, Bfloat16Bits* y);
float NormRow(const Bfloat16Bits* x, const Bfloat16Bits* weight, float epsilon, int64_t count,
              Bfloat16Bits* y);

// With x̂ = x·scale and g the gradient of y: x_gradient = scale·(g·w − x̂·mean(g·w·x̂));
// weight_gradient += g·x̂.
void NormRowBack(const float* x, const float* weight, float scale, const float* gradient,
                 int64_t count, float* x_gradient, float* weight_gradient);
void NormRowBack(const float* x, const float* weight, float scale, const Bfloat16Bits* gradient,
                 int64_t count, float* x_gradient, float* weight_gradient);
void NormRowBack(const Bfloat16Bits* x, const Bfloat16Bits* weight, float scale,
                 const Bfloat16Bits* gradient, int64_t count, Bfloat16Bits* x_gradient,
                 float* weight_gradient);

// Elements i and i + half (i < half) turned by the angle whose cosine and sine are given;
// `direction` −1 turns back; the rest of `count` is copied.
void RotateRow(const float* from, const float* cos, const float* sin, float direction, int64_t half,
               int64_t count, float* to);
void RotateRow(const Bfloat16Bits* from, const float* cos, const float* sin, float direction,
               int64_t half, int64_t count, Bfloat16Bits* to);

// `inner`: `count` gates, then as many ups. out[i] = round(round(silu(gate[i])) · up[i]),
// silu(z) = z / (1 + e^−z).
void SwiGluRow(const float* inner, int64_t count, float* out);
void SwiGluRow(const Bfloat16Bits* inner, int64_t count, Bfloat16Bits* out);

// From the gradient of `out`, that of `inner`.
void SwiGluRowBack(const float* inner, const float* gradient, int64_t count, float* inner_gradient);
void SwiGluRowBack(const Bfloat16Bits* inner, const Bfloat16Bits* gradient, int64_t count,
                   Bfloat16Bits* inner_gradient);

// scores[j] = e^(scale·scores[j]) / Σ_k<valid e^(scale·scores[k]) for j < valid, 0 for the others:
// one row of causal attention, in place.
void CausalSoftmaxRow(float scale, int64_t valid, int64_t count, float* scores);
void CausalSoftmaxRow(float scale, int64_t valid, int64_t count, Bfloat16Bits* scores);

// From the probabilities p and their gradient, in place, that of the scores before `scale`:
// scale·p[j]·(gradient[j] − Σ p·gradient) for j < valid, 0 for the others.
void CausalSoftmaxRowBack(const float* p, float scale, int64_t valid, int64_t count,
                          float* gradient);
void CausalSoftmaxRowBack(const Bfloat16Bits* p, float scale, int64_t valid, int64_t count,
                          Bfloat16Bits* gradient);

// log softmax(logits)[target] over a vocabulary of `count`.
float LogProbRow(int64_t target, int64_t count, const float* logits);
float LogProbRow(int64_t target, int64_t count, const Bfloat16Bits* logits);

// Cross-entropy over a vocabulary of `count`: returns −log softmax(logits)[target] and leaves its
// gradient, softmax − onehot(target), in their place.
float CrossEntropyRow(int64_t target, int64_t count, float* logits);
float CrossEntropyRow(int64_t target, int64_t count, Bfloat16Bits* logits);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_ROW_KERNELS_H_

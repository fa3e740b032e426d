#include "common/model/matrix_vector.h"

#include <cmath>
#include <cstring>

namespace kalavai {
namespace {

// Sixteen lanes in the compilers' vector notation; each target below cuts them to its registers.
constexpr int64_t kLanes = 16;
using Floats = float __attribute__((vector_size(64)));
using Words = uint32_t __attribute__((vector_size(64)));
using Halves = uint16_t __attribute__((vector_size(32)));

// Inlined into functions for other targets than this file's, so that each gets its own code. They
// return through references: a 64-byte value has another calling convention on every target.
#define KALAVAI_KERNEL static inline __attribute__((always_inline))

KALAVAI_KERNEL void Load(const float* from, Floats& to) { std::memcpy(&to, from, sizeof to); }

KALAVAI_KERNEL void Load(const Bfloat16Bits* from, Floats& to) {
  Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  const Words words = __builtin_convertvector(halves, Words) << 16;
  std::memcpy(&to, &words, sizeof to);
}

KALAVAI_KERNEL float Widen(float value) { return value; }
KALAVAI_KERNEL float Widen(Bfloat16Bits bits) { return FloatOf(bits); }

// Four accumulators hide the latency of the additions; their sum, then the lanes', then the tail.
template <typename Weight>
KALAVAI_KERNEL void Rows(const Weight* weights_OI, int64_t inputs, const float* x_I, int64_t first,
                         int64_t last, float* y_O) {
  for (int64_t r = first; r < last; ++r) {
    const Weight* row = weights_OI + r * inputs;
    Floats sums[4] = {};
    int64_t i = 0;
    for (; i + 4 * kLanes <= inputs; i += 4 * kLanes) {
      for (int k = 0; k < 4; ++k) {
        Floats weight, x;
        Load(row + i + k * kLanes, weight);
        Load(x_I + i + k * kLanes, x);
        sums[k] += weight * x;
      }
    }
    const Floats total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    float sum = 0.0F;
    for (int lane = 0; lane < kLanes; ++lane) sum += total[lane];
    for (; i < inputs; ++i) sum += Widen(row[i]) * x_I[i];
    y_O[r] = sum;
  }
}

template <typename Weight>
KALAVAI_KERNEL void ScaledRows(const Weight* rows_RI, int64_t inputs, const float* scale_R,
                               int64_t rows, float* y_I) {
  for (int64_t r = 0; r < rows; ++r) {
    const Weight* row = rows_RI + r * inputs;
    int64_t i = 0;
    for (; i + kLanes <= inputs; i += kLanes) {
      Floats value, y;
      Load(row + i, value);
      Load(y_I + i, y);
      y += value * scale_R[r];
      std::memcpy(y_I + i, &y, sizeof y);
    }
    for (; i < inputs; ++i) y_I[i] += Widen(row[i]) * scale_R[r];
  }
}

#undef KALAVAI_KERNEL

// One copy of each kernel for each width of vector.
#define KALAVAI_COPIES(name, target_attribute)                                                 \
  template <typename Weight>                                                                   \
  target_attribute void Rows##name(const Weight* weights_OI, int64_t inputs, const float* x_I, \
                                   int64_t first, int64_t last, float* y_O) {                  \
    Rows(weights_OI, inputs, x_I, first, last, y_O);                                           \
  }                                                                                            \
  template <typename Weight>                                                                   \
  target_attribute void ScaledRows##name(const Weight* rows_RI, int64_t inputs,                \
                                         const float* scale_R, int64_t rows, float* y_I) {     \
    ScaledRows(rows_RI, inputs, scale_R, rows, y_I);                                           \
  }
#ifdef __x86_64__
KALAVAI_COPIES(Avx512, __attribute__((target("avx512f,avx512bw,avx512vl,fma"))))
KALAVAI_COPIES(Avx2, __attribute__((target("avx2,fma"))))
#endif
KALAVAI_COPIES(Baseline, )
#undef KALAVAI_COPIES

template <typename Weight>
void RowsOn(VectorUnit unit, const Weight* weights_OI, int64_t inputs, const float* x_I,
            int64_t first, int64_t last, float* y_O) {
#ifdef __x86_64__
  if (unit == VectorUnit::kAvx512) return RowsAvx512(weights_OI, inputs, x_I, first, last, y_O);
  if (unit == VectorUnit::kAvx2) return RowsAvx2(weights_OI, inputs, x_I, first, last, y_O);
#endif
  RowsBaseline(weights_OI, inputs, x_I, first, last, y_O);
}

template <typename Weight>
void ScaledRowsOn(VectorUnit unit, const Weight* rows_RI, int64_t inputs, const float* scale_R,
                  int64_t rows, float* y_I) {
#ifdef __x86_64__
  if (unit == VectorUnit::kAvx512) return ScaledRowsAvx512(rows_RI, inputs, scale_R, rows, y_I);
  if (unit == VectorUnit::kAvx2) return ScaledRowsAvx2(rows_RI, inputs, scale_R, rows, y_I);
#endif
  ScaledRowsBaseline(rows_RI, inputs, scale_R, rows, y_I);
}

}  // namespace

float FloatOf(Bfloat16Bits bits) {
  const uint32_t word = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

Bfloat16Bits Bfloat16Of(float value) {
  uint32_t word;
  std::memcpy(&word, &value, sizeof word);
  if (std::isnan(value)) return static_cast<Bfloat16Bits>((word >> 16) | 0x40);
  return static_cast<Bfloat16Bits>((word + 0x7FFF + ((word >> 16) & 1)) >> 16);
}

VectorUnit WidestVectorUnit() {
#ifdef __x86_64__
  static const VectorUnit unit = [] {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
      return VectorUnit::kAvx512;
    }
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? VectorUnit::kAvx2
                                                                           : VectorUnit::kBaseline;
  }();
  return unit;
#else
  return VectorUnit::kBaseline;
#endif
}

void MultiplyRows(const Bfloat16Bits* weights_OI, int64_t inputs, const float* x_I, int64_t first,
                  int64_t last, float* y_O) {
  RowsOn(WidestVectorUnit(), weights_OI, inputs, x_I, first, last, y_O);
}

void MultiplyRows(const float* weights_OI, int64_t inputs, const float* x_I, int64_t first,
                  int64_t last, float* y_O) {
  RowsOn(WidestVectorUnit(), weights_OI, inputs, x_I, first, last, y_O);
}

void MultiplyRowsWith(VectorUnit unit, const Bfloat16Bits* weights_OI, int64_t inputs,
                      const float* x_I, int64_t first, int64_t last, float* y_O) {
  RowsOn(unit, weights_OI, inputs, x_I, first, last, y_O);
}

void AddScaledRows(const Bfloat16Bits* rows_RI, int64_t inputs, const float* scale_R, int64_t rows,
                   float* y_I) {
  ScaledRowsOn(WidestVectorUnit(), rows_RI, inputs, scale_R, rows, y_I);
}

void AddScaledRows(const float* rows_RI, int64_t inputs, const float* scale_R, int64_t rows,
                   float* y_I) {
  ScaledRowsOn(WidestVectorUnit(), rows_RI, inputs, scale_R, rows, y_I);
}

}  // namespace kalavai

// Matrix times vector at the speed of memory: what generating one token costs is reading every
// weight once, so rows are read in one stream and widened on the way. Plain arrays, no LibTorch:
// a call of the library for each of a token's several hundred products costs more than the product.
//
// Shapes: weights_OI row-major, O outputs, I inputs, any I ≥ 1; x_I float32; results float32.
// bfloat16 values are given as their 16 bits, the upper half of a float32.
//
// A row's result depends on nothing but the row, x and the processor's vector width (AVX-512, AVX2
// or neither): the caller may split rows over threads in any way and gets the same bits.
// Threads: pure functions. Errors: none; the caller checks shapes.
#ifndef KALAVAI_COMMON_MODEL_MATRIX_VECTOR_H_
#define KALAVAI_COMMON_MODEL_MATRIX_VECTOR_H_

#include <cstdint>

namespace kalavai {

using Bfloat16Bits = uint16_t;

// y_O[r] = Σ_i weights_OI[r][i] · x_I[i] for first ≤ r < last; other y_O stay.
void MultiplyRows(const Bfloat16Bits* weights_OI, int64_t inputs, const float* x_I, int64_t first,
                  int64_t last, float* y_O);
void MultiplyRows(const float* weights_OI, int64_t inputs, const float* x_I, int64_t first,
                  int64_t last, float* y_O);

// y_I += Σ_r scale_R[r] · rows_RI[r]: attention's weighted sum of values.
void AddScaledRows(const Bfloat16Bits* rows_RI, int64_t inputs, const float* scale_R, int64_t rows,
                   float* y_I);
void AddScaledRows(const float* rows_RI, int64_t inputs, const float* scale_R, int64_t rows,
                   float* y_I);

float FloatOf(Bfloat16Bits bits);
// Rounds to nearest, ties to even; NaN stays NaN.
Bfloat16Bits Bfloat16Of(float value);

// The instruction sets MultiplyRows can use here, widest first; for tests.
enum class VectorUnit { kAvx512, kAvx2, kBaseline };
VectorUnit WidestVectorUnit();
// As MultiplyRows, with the unit named; it must not be wider than WidestVectorUnit().
void MultiplyRowsWith(VectorUnit unit, const Bfloat16Bits* weights_OI, int64_t inputs,
                      const float* x_I, int64_t first, int64_t last, float* y_O);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_MATRIX_VECTOR_H_

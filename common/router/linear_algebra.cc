#include "common/router/linear_algebra.h"

#include <cmath>
#include <cstring>

#include "common/base/seeded_random.h"

namespace kalavai {
namespace {

constexpr int kSubspaceIterations = 8;
constexpr uint64_t kSubspaceSeed = 1;  // a fixed start, not a parameter: any will do

// Four doubles: one register with AVX2, two without, the same operations either way.
using Lanes = double __attribute__((vector_size(32)));

[[gnu::always_inline]] inline void MultiplyRowsInline(const double* rows, size_t count, size_t size,
                                                      const double* x, double* out) {
  const size_t whole = size - size % 4;
  for (size_t r = 0; r < count; ++r) {
    const double* row = rows + r * size;
    Lanes sum = {0, 0, 0, 0};
    for (size_t i = 0; i < whole; i += 4) {
      Lanes a, b;
      std::memcpy(&a, row + i, sizeof(a));
      std::memcpy(&b, x + i, sizeof(b));
      sum += a * b;
    }
    double rest = 0;
    for (size_t i = whole; i < size; ++i) rest += row[i] * x[i];
    out[r] = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + rest;
  }
}

[[gnu::always_inline]] inline void AddOuterProductInline(const double* scale, size_t count,
                                                         const double* x, size_t size,
                                                         double* rows) {
  const size_t whole = size - size % 4;
  for (size_t r = 0; r < count; ++r) {
    double* row = rows + r * size;
    const Lanes factor = {scale[r], scale[r], scale[r], scale[r]};
    for (size_t i = 0; i < whole; i += 4) {
      Lanes a, b;
      std::memcpy(&a, row + i, sizeof(a));
      std::memcpy(&b, x + i, sizeof(b));
      a += factor * b;
      std::memcpy(row + i, &a, sizeof(a));
    }
    for (size_t i = whole; i < size; ++i) row[i] += scale[r] * x[i];
  }
}

#ifdef __x86_64__
// Without FMA: a product that is not rounded before it is added would give other bits.
[[gnu::target("avx2")]] void MultiplyRowsAvx2(const double* rows, size_t count, size_t size,
                                              const double* x, double* out) {
  MultiplyRowsInline(rows, count, size, x, out);
}
[[gnu::target("avx2")]] void AddOuterProductAvx2(const double* scale, size_t count, const double* x,
                                                 size_t size, double* rows) {
  AddOuterProductInline(scale, count, x, size, rows);
}

bool HasAvx2() {
  static const bool has = __builtin_cpu_supports("avx2") > 0;
  return has;
}
#endif

// Makes the rows orthonormal, in order. A row that vanishes is replaced by zeros.
void Orthonormalise(std::vector<double>& rows, size_t count, size_t size) {
  for (size_t r = 0; r < count; ++r) {
    double* row = &rows[r * size];
    const double before = std::sqrt(DotProduct(row, row, size));
    for (int pass = 0; pass < 2; ++pass) {
      for (size_t q = 0; q < r; ++q) {
        const double* other = &rows[q * size];
        const double along = DotProduct(row, other, size);
        for (size_t i = 0; i < size; ++i) row[i] -= along * other[i];
      }
    }
    const double norm = std::sqrt(DotProduct(row, row, size));
    const double scale = norm > 1e-12 * before && norm > 0 ? 1 / norm : 0;
    for (size_t i = 0; i < size; ++i) row[i] *= scale;
  }
}

}  // namespace

void MultiplyRows(const double* rows, size_t count, size_t size, const double* x, double* out) {
#ifdef __x86_64__
  if (HasAvx2()) return MultiplyRowsAvx2(rows, count, size, x, out);
#endif
  MultiplyRowsInline(rows, count, size, x, out);
}

void AddOuterProduct(const double* scale, size_t count, const double* x, size_t size,
                     double* rows) {
#ifdef __x86_64__
  if (HasAvx2()) return AddOuterProductAvx2(scale, count, x, size, rows);
#endif
  AddOuterProductInline(scale, count, x, size, rows);
}

bool CholeskyFactor(std::vector<double>& matrix, size_t size) {
  for (size_t j = 0; j < size; ++j) {
    double* row_j = &matrix[j * size];
    const double pivot = row_j[j] - DotProduct(row_j, row_j, j);
    if (!(pivot > 0) || !std::isfinite(pivot)) return false;
    row_j[j] = std::sqrt(pivot);
    for (size_t i = j + 1; i < size; ++i) {
      double* row_i = &matrix[i * size];
      row_i[j] = (row_i[j] - DotProduct(row_i, row_j, j)) / row_j[j];
    }
  }
  return true;
}

void SolveLower(const std::vector<double>& factor, size_t size, std::span<double> b) {
  for (size_t i = 0; i < size; ++i) {
    b[i] = (b[i] - DotProduct(&factor[i * size], b.data(), i)) / factor[i * size + i];
  }
}

void SolveLowerTransposed(const std::vector<double>& factor, size_t size, std::span<double> b) {
  for (size_t i = size; i-- > 0;) {
    double value = b[i];
    for (size_t j = i + 1; j < size; ++j) value -= factor[j * size + i] * b[j];
    b[i] = value / factor[i * size + i];
  }
}

std::vector<double> LeadingSubspace(const std::vector<double>& matrix, size_t size, size_t count) {
  std::vector<double> rows(count * size, 0);
  if (count == size) {
    for (size_t i = 0; i < size; ++i) rows[i * size + i] = 1;
    return rows;
  }
  SeededRandom random(kSubspaceSeed);
  for (double& value : rows) value = random.Uniform() - 0.5;
  Orthonormalise(rows, count, size);
  std::vector<double> next(count * size);
  for (int iteration = 0; iteration < kSubspaceIterations; ++iteration) {
    for (size_t r = 0; r < count; ++r) {
      for (size_t i = 0; i < size; ++i) {
        next[r * size + i] = DotProduct(&matrix[i * size], &rows[r * size], size);
      }
    }
    rows.swap(next);
    Orthonormalise(rows, count, size);
  }
  return rows;
}

}  // namespace kalavai

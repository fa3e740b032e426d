#include "common/router/linear_algebra.h"

#include <cmath>
#include <cstring>

#include "common/base/check.h"
#include "common/base/seeded_random.h"

namespace kalavai {
namespace {

constexpr int kSubspaceIterations = 8;
constexpr uint64_t kSubspaceSeed = 1;  // a fixed start, not a parameter: any will do

// Four doubles: one register with AVX2, two without, the same operations either way.
using Lanes = double __attribute__((vector_size(32)));

constexpr size_t kLanes = 4;
constexpr size_t kBlock = 4;  // vectors side by side: with two rows of them, sums stay in registers

[[gnu::always_inline]] inline void Load(const double* from, Lanes& to) {
  std::memcpy(&to, from, sizeof(to));
}
[[gnu::always_inline]] inline void Store(const Lanes& from, double* to) {
  std::memcpy(to, &from, sizeof(from));
}

// The sum of a dot product, from its lanes and what is left of the rows after `whole` numbers.
[[gnu::always_inline]] inline double Finish(const Lanes& sum, const double* a, const double* b,
                                            size_t whole, size_t size) {
  double rest = 0;
  for (size_t i = whole; i < size; ++i) rest += a[i] * b[i];
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + rest;
}

[[gnu::always_inline]] inline double MultiplyOne(const double* a, const double* b, size_t size) {
  const size_t whole = size - size % kLanes;
  Lanes sum = {}, x, y;
  for (size_t i = 0; i < whole; i += kLanes) {
    Load(a + i, x);
    Load(b + i, y);
    sum += x * y;
  }
  return Finish(sum, a, b, whole, size);
}

// R (1 or 2) rows by kBlock columns of dot products. Sums by name: an array of them would live in
// memory.
template <size_t R>
[[gnu::always_inline]] inline void MultiplyBlock(const double* row, size_t stride, const double* x,
                                                 size_t x_stride, size_t size, double* out,
                                                 size_t out_stride) {
  const size_t whole = size - size % kLanes;
  const double* const x1 = x + x_stride;
  const double* const x2 = x1 + x_stride;
  const double* const x3 = x2 + x_stride;
  const double* const next = row + (R - 1) * stride;
  Lanes p0 = {}, p1 = {}, p2 = {}, p3 = {}, q0 = {}, q1 = {}, q2 = {}, q3 = {};
  Lanes a, b0, b1, b2, b3;
  for (size_t i = 0; i < whole; i += kLanes) {
    Load(x + i, b0);
    Load(x1 + i, b1);
    Load(x2 + i, b2);
    Load(x3 + i, b3);
    Load(row + i, a);
    p0 += a * b0;
    p1 += a * b1;
    p2 += a * b2;
    p3 += a * b3;
    if constexpr (R == 2) {
      Load(next + i, a);
      q0 += a * b0;
      q1 += a * b1;
      q2 += a * b2;
      q3 += a * b3;
    }
  }
  out[0] = Finish(p0, row, x, whole, size);
  out[out_stride] = Finish(p1, row, x1, whole, size);
  out[2 * out_stride] = Finish(p2, row, x2, whole, size);
  out[3 * out_stride] = Finish(p3, row, x3, whole, size);
  if constexpr (R == 2) {
    out[1] = Finish(q0, next, x, whole, size);
    out[out_stride + 1] = Finish(q1, next, x1, whole, size);
    out[2 * out_stride + 1] = Finish(q2, next, x2, whole, size);
    out[3 * out_stride + 1] = Finish(q3, next, x3, whole, size);
  }
}

[[gnu::always_inline]] inline void MultiplyRowsInline(const Rows& rows, const Rows& x,
                                                      double* out) {
  size_t t = 0;
  for (; t + kBlock <= x.count; t += kBlock) {
    const double* column = x.data + t * x.stride;
    double* to = out + t * rows.count;
    size_t r = 0;
    for (; r + 2 <= rows.count; r += 2) {
      MultiplyBlock<2>(rows.data + r * rows.stride, rows.stride, column, x.stride, rows.size,
                       to + r, rows.count);
    }
    if (r < rows.count) {
      MultiplyBlock<1>(rows.data + r * rows.stride, rows.stride, column, x.stride, rows.size,
                       to + r, rows.count);
    }
  }
  for (; t < x.count; ++t) {
    for (size_t r = 0; r < rows.count; ++r) {
      out[t * rows.count + r] =
          MultiplyOne(rows.data + r * rows.stride, x.data + t * x.stride, rows.size);
    }
  }
}

// R (1 or 2) rows by kBlock vectors of the sums stay in registers while all products are added.
template <size_t R>
[[gnu::always_inline]] inline void AddBlock(const Rows& scale, size_t r, const Rows& x, size_t i,
                                            double* sums, size_t stride) {
  double* const next = sums + (R - 1) * stride;
  Lanes p0, p1, p2, p3, q0 = {}, q1 = {}, q2 = {}, q3 = {};
  Load(sums, p0);
  Load(sums + kLanes, p1);
  Load(sums + 2 * kLanes, p2);
  Load(sums + 3 * kLanes, p3);
  if constexpr (R == 2) {
    Load(next, q0);
    Load(next + kLanes, q1);
    Load(next + 2 * kLanes, q2);
    Load(next + 3 * kLanes, q3);
  }
  Lanes b0, b1, b2, b3;
  for (size_t t = 0; t < x.count; ++t) {
    const double* from = x.data + t * x.stride + i;
    const double* factor = scale.data + t * scale.stride + r;
    Load(from, b0);
    Load(from + kLanes, b1);
    Load(from + 2 * kLanes, b2);
    Load(from + 3 * kLanes, b3);
    const Lanes a = {factor[0], factor[0], factor[0], factor[0]};
    p0 += a * b0;
    p1 += a * b1;
    p2 += a * b2;
    p3 += a * b3;
    if constexpr (R == 2) {
      const Lanes c = {factor[1], factor[1], factor[1], factor[1]};
      q0 += c * b0;
      q1 += c * b1;
      q2 += c * b2;
      q3 += c * b3;
    }
  }
  Store(p0, sums);
  Store(p1, sums + kLanes);
  Store(p2, sums + 2 * kLanes);
  Store(p3, sums + 3 * kLanes);
  if constexpr (R == 2) {
    Store(q0, next);
    Store(q1, next + kLanes);
    Store(q2, next + 2 * kLanes);
    Store(q3, next + 3 * kLanes);
  }
}

// One vector, or one number, of a row of the sums.
template <typename T>
[[gnu::always_inline]] inline void AddOne(const Rows& scale, size_t r, const Rows& x, size_t i,
                                          double* sums) {
  T sum, b;
  std::memcpy(&sum, sums, sizeof(sum));
  for (size_t t = 0; t < x.count; ++t) {
    std::memcpy(&b, x.data + t * x.stride + i, sizeof(b));
    sum += scale.data[t * scale.stride + r] * b;
  }
  std::memcpy(sums, &sum, sizeof(sum));
}

[[gnu::always_inline]] inline void AddOuterProductsInline(const Rows& scale, const Rows& x,
                                                          double* sums, size_t stride) {
  constexpr size_t kWide = kBlock * kLanes;
  for (size_t r = 0; r < scale.size; r += 2) {
    double* const to = sums + r * stride;
    const bool two = r + 2 <= scale.size;
    size_t i = 0;
    for (; i + kWide <= x.size; i += kWide) {
      if (two) {
        AddBlock<2>(scale, r, x, i, to + i, stride);
      } else {
        AddBlock<1>(scale, r, x, i, to + i, stride);
      }
    }
    for (size_t q = 0; q < (two ? size_t{2} : size_t{1}); ++q) {
      size_t k = i;
      double* const row = to + q * stride;
      for (; k + kLanes <= x.size; k += kLanes) AddOne<Lanes>(scale, r + q, x, k, row + k);
      for (; k < x.size; ++k) AddOne<double>(scale, r + q, x, k, row + k);
    }
  }
}

#ifdef __x86_64__
// Without FMA: a product that is not rounded before it is added would give other bits.
[[gnu::target("avx2")]] void MultiplyRowsAvx2(const Rows& rows, const Rows& x, double* out) {
  MultiplyRowsInline(rows, x, out);
}
[[gnu::target("avx2")]] void AddOuterProductsAvx2(const Rows& scale, const Rows& x, double* sums,
                                                  size_t stride) {
  AddOuterProductsInline(scale, x, sums, stride);
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

void MultiplyRows(const Rows& rows, const Rows& x, double* out) {
  KALAVAI_CHECK(rows.size == x.size, "rows that are multiplied have the same size");
#ifdef __x86_64__
  if (HasAvx2()) return MultiplyRowsAvx2(rows, x, out);
#endif
  MultiplyRowsInline(rows, x, out);
}

void AddOuterProducts(const Rows& scale, const Rows& x, double* sums, size_t stride) {
  KALAVAI_CHECK(scale.count == x.count, "every row has its scales");
#ifdef __x86_64__
  if (HasAvx2()) return AddOuterProductsAvx2(scale, x, sums, stride);
#endif
  AddOuterProductsInline(scale, x, sums, stride);
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

// Goal: the solvers solve and the subspace is the leading one.
// Method: identities (LLᵀ = A, Lx = b, orthonormal rows) on random matrices of several sizes, and
// matrices with known eigenvectors.
#include "common/router/linear_algebra.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "common/base/seeded_random.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

std::vector<double> Random(size_t count, uint64_t seed) {
  SeededRandom random(seed);
  std::vector<double> values(count);
  for (double& value : values) value = random.Normal();
  return values;
}

// BBᵀ + I: positive definite.
std::vector<double> PositiveDefinite(size_t size, uint64_t seed) {
  const std::vector<double> b = Random(size * size, seed);
  std::vector<double> matrix(size * size);
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < size; ++j) {
      matrix[i * size + j] = DotProduct(&b[i * size], &b[j * size], size) + (i == j ? 1 : 0);
    }
  }
  return matrix;
}

TEST_CASE("A dot product is the sum of products at every length", "[router]") {
  const std::vector<float> a = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  const std::vector<double> b = {1, -1, 1, -1, 1, -1, 1, -1, 1};
  const std::vector<double> expected = {0, 1, -1, 2, -2, 3, -3, 4, -4, 5};
  for (size_t size = 0; size <= 9; ++size) {
    CHECK(DotProduct(a.data(), b.data(), size) == expected[size]);
  }
}

TEST_CASE("Products of many rows have the bits of one after the other", "[router]") {
  for (const size_t size : {0u, 1u, 3u, 4u, 7u, 16u, 23u, 96u, 97u}) {
    for (const size_t count : {1u, 2u, 5u}) {
      for (const size_t length : {1u, 3u, 4u, 9u}) {
        const size_t stride = size + 1;  // both views skip a number after each row
        const std::vector<double> rows = Random(count * stride, size + 1);
        const std::vector<double> x = Random(length * stride, size + 2);
        const std::vector<double> scale = Random(length * count, size + 3);
        std::vector<double> out(length * count, 0), sums = rows, expected = rows;
        MultiplyRows({rows.data(), count, size, stride}, {x.data(), length, size, stride},
                     out.data());
        AddOuterProducts({scale.data(), length, count, count}, {x.data(), length, size, stride},
                         sums.data(), stride);
        for (size_t t = 0; t < length; ++t) {
          for (size_t r = 0; r < count; ++r) {
            CHECK(out[t * count + r] == DotProduct(&rows[r * stride], &x[t * stride], size));
            for (size_t i = 0; i < size; ++i) {
              const double product = scale[t * count + r] * x[t * stride + i];
              expected[r * stride + i] += product;
            }
          }
        }
        CHECK(sums == expected);
      }
    }
  }
}

TEST_CASE("The Cholesky factor times its transpose is the matrix", "[router]") {
  for (const size_t size : {1u, 2u, 5u, 33u}) {
    const std::vector<double> matrix = PositiveDefinite(size, size);
    std::vector<double> factor = matrix;
    REQUIRE(CholeskyFactor(factor, size));
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        const double product = DotProduct(&factor[i * size], &factor[j * size], j + 1);
        REQUIRE_NEAR(product, matrix[i * size + j], 1e-11 * static_cast<double>(size));
      }
      for (size_t j = i + 1; j < size; ++j) {
        CHECK(factor[i * size + j] == matrix[i * size + j]);  // the upper triangle is left
      }
    }
  }
}

TEST_CASE("Both triangular solves together solve the system", "[router]") {
  for (const size_t size : {1u, 4u, 17u}) {
    const std::vector<double> matrix = PositiveDefinite(size, 7);
    const std::vector<double> x = Random(size, 8);
    std::vector<double> b(size);
    for (size_t i = 0; i < size; ++i) b[i] = DotProduct(&matrix[i * size], x.data(), size);
    std::vector<double> factor = matrix;
    REQUIRE(CholeskyFactor(factor, size));
    SolveLower(factor, size, b);
    SolveLowerTransposed(factor, size, b);
    for (size_t i = 0; i < size; ++i) REQUIRE_NEAR(b[i], x[i], 1e-10);
  }
}

TEST_CASE("A matrix that is not positive definite has no factor", "[router]") {
  const std::vector<std::vector<double>> bad = {
      {0, 0, 0, 1},
      {1, 2, 2, 1},
      {1, 1, 1, 1},
      {-1, 0, 0, 1},
      {std::numeric_limits<double>::quiet_NaN(), 0, 0, 1},
      {std::numeric_limits<double>::infinity(), 0, 0, 1},
  };
  for (std::vector<double> matrix : bad) {
    INFO(matrix[0] << " " << matrix[1] << " " << matrix[3]);
    CHECK_FALSE(CholeskyFactor(matrix, 2));
  }
}

TEST_CASE("The leading subspace is orthonormal and holds the leading eigenvectors", "[router]") {
  constexpr size_t kSize = 12;
  // Q diag(100, 50, 20, 0.1 …) Qᵀ, Q a reflection: its columns are the eigenvectors.
  std::vector<double> v = Random(kSize, 3);
  const double norm = DotProduct(v.data(), v.data(), kSize);
  std::vector<double> q(kSize * kSize);
  for (size_t i = 0; i < kSize; ++i) {
    for (size_t j = 0; j < kSize; ++j) {
      q[i * kSize + j] = (i == j ? 1 : 0) - 2 * v[i] * v[j] / norm;
    }
  }
  std::vector<double> eigenvalue(kSize, 0.1);
  eigenvalue[0] = 100;
  eigenvalue[1] = 50;
  eigenvalue[2] = 20;
  std::vector<double> matrix(kSize * kSize, 0);
  for (size_t i = 0; i < kSize; ++i) {
    for (size_t j = 0; j < kSize; ++j) {
      for (size_t k = 0; k < kSize; ++k) {
        matrix[i * kSize + j] += q[k * kSize + i] * eigenvalue[k] * q[k * kSize + j];
      }
    }
  }
  const std::vector<double> rows = LeadingSubspace(matrix, kSize, 3);
  for (size_t r = 0; r < 3; ++r) {
    for (size_t s = 0; s < 3; ++s) {
      const double product = DotProduct(&rows[r * kSize], &rows[s * kSize], kSize);
      REQUIRE_NEAR(product, r == s ? 1 : 0, 1e-12);
    }
    // The eigenvector's projection on the subspace is all of it.
    double length = 0;
    for (size_t s = 0; s < 3; ++s) {
      const double along = DotProduct(&q[r * kSize], &rows[s * kSize], kSize);
      length += along * along;
    }
    REQUIRE_NEAR(length, 1, 1e-9);
  }
}

TEST_CASE("All of the space is the identity", "[router]") {
  CHECK(LeadingSubspace(PositiveDefinite(3, 1), 3, 3) ==
        std::vector<double>{1, 0, 0, 0, 1, 0, 0, 0, 1});
}

}  // namespace
}  // namespace kalavai

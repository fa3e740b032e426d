// The little dense linear algebra a router needs: plain loops in double, fixed order of operations,
// the same bits wherever IEEE doubles are. Matrices are row-major. Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_ROUTER_LINEAR_ALGEBRA_H_
#define KALAVAI_COMMON_ROUTER_LINEAR_ALGEBRA_H_

#include <cstddef>
#include <span>
#include <vector>

namespace kalavai {

// Σ a_i b_i with four running sums, combined as (0 + 1) + (2 + 3), the rest last.
template <typename A, typename B>
double DotProduct(const A* a, const B* b, size_t size) {
  double sum[4] = {0, 0, 0, 0};
  size_t i = 0;
  for (; i + 4 <= size; i += 4) {
    for (size_t lane = 0; lane < 4; ++lane) {
      sum[lane] += static_cast<double>(a[i + lane]) * static_cast<double>(b[i + lane]);
    }
  }
  double rest = 0;
  for (; i < size; ++i) rest += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + rest;
}

// `count` rows of `size` numbers each, `stride` numbers from one to the next.
struct Rows {
  const double* data = nullptr;
  size_t count = 0;
  size_t size = 0;
  size_t stride = 0;
};

// out[t][r] = DotProduct(rows[r], x[t]), out [x.count][rows.count]; both have the same size. To the
// same bits as that, several products at a time, with the widest vectors the machine has: the
// router's training spends its time here and in AddOuterProducts.
void MultiplyRows(const Rows& rows, const Rows& x, double* out);

// sums[r][i] += scale[t][r] x[t][i], one t after the other: to the bits of that loop. scale and x
// have the same count; sums [scale.size][x.size], `stride` numbers from row to row.
void AddOuterProducts(const Rows& scale, const Rows& x, double* sums, size_t stride);

// Replaces the lower triangle of a symmetric positive definite matrix [size][size] by its Cholesky
// factor L (LLᵀ = matrix); the upper triangle is left. False if a pivot is not above 0.
bool CholeskyFactor(std::vector<double>& matrix, size_t size);

// Solves L x = b in place for the factor above.
void SolveLower(const std::vector<double>& factor, size_t size, std::span<double> b);
// Solves Lᵀ x = b in place.
void SolveLowerTransposed(const std::vector<double>& factor, size_t size, std::span<double> b);

// `count` orthonormal rows [count][size] that span nearly the leading eigenvectors of a symmetric
// positive semidefinite matrix: subspace iteration from a fixed start, Gram-Schmidt twice. The
// identity if count == size. count <= size.
std::vector<double> LeadingSubspace(const std::vector<double>& matrix, size_t size, size_t count);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_LINEAR_ALGEBRA_H_

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

// out[r] = DotProduct(rows[r], x) for rows [count][size]. To the same bits as that, with the widest
// vectors the machine has: the router's training spends its time here and in AddOuterProduct.
void MultiplyRows(const double* rows, size_t count, size_t size, const double* x, double* out);

// rows[r][i] += scale[r] x[i] for rows [count][size].
void AddOuterProduct(const double* scale, size_t count, const double* x, size_t size, double* rows);

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

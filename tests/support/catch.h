// The one way to include Catch2: version 2 or 3, and never silently replaced by LibTorch's CHECK.
//
// LibTorch defines CHECK (glog style) and would turn an assertion into an abort, or into nothing. A
// test that sees LibTorch includes this header last; it takes CHECK back.
#ifndef KALAVAI_TESTS_SUPPORT_CATCH_H_
#define KALAVAI_TESTS_SUPPORT_CATCH_H_

#ifdef CHECK
#undef CHECK
#endif

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <cmath>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/base/errors.h"

namespace kalavai::testing {
inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}
// Not a cast in the macro: one from double to double is a warning.
template <typename T>
double ToDouble(T value) {
  return static_cast<double>(value);
}
inline double ToDouble(double value) { return value; }
}  // namespace kalavai::testing

// Passes when `expr` (Status or StatusOr) is OK; prints the status otherwise.
#define REQUIRE_OK(expr)                                                           \
  do {                                                                             \
    const absl::Status kalavai_test_status = ::kalavai::testing::StatusOf((expr)); \
    INFO(#expr << " gave " << kalavai_test_status.ToString());                     \
    REQUIRE(kalavai_test_status.ok());                                             \
  } while (false)

// Passes when `expr` fails with this absl::StatusCode and this reason.
#define REQUIRE_STATUS(expr, expected_code, expected_reason)                       \
  do {                                                                             \
    const absl::Status kalavai_test_status = ::kalavai::testing::StatusOf((expr)); \
    INFO(#expr << " gave " << kalavai_test_status.ToString());                     \
    REQUIRE(kalavai_test_status.code() == (expected_code));                        \
    REQUIRE(::kalavai::GetErrorReason(kalavai_test_status) == (expected_reason));  \
  } while (false)

#define REQUIRE_OK_AND_ASSIGN(lhs, expr) \
  REQUIRE_OK_AND_ASSIGN_INNER_(KALAVAI_TEST_CONCAT_(kalavai_test_value_, __LINE__), lhs, expr)
#define KALAVAI_TEST_CONCAT_INNER_(a, b) a##b
#define KALAVAI_TEST_CONCAT_(a, b) KALAVAI_TEST_CONCAT_INNER_(a, b)
#define REQUIRE_OK_AND_ASSIGN_INNER_(statusor, lhs, expr) \
  auto statusor = (expr);                                 \
  REQUIRE_OK(statusor);                                   \
  lhs = std::move(statusor).value()

// |actual - expected| <= tolerance, with the numbers in the message; NaN never passes.
#define REQUIRE_NEAR(actual, expected, tolerance)                                  \
  do {                                                                             \
    const double kalavai_actual = ::kalavai::testing::ToDouble((actual));          \
    const double kalavai_expected = ::kalavai::testing::ToDouble((expected));      \
    const double kalavai_tolerance = ::kalavai::testing::ToDouble((tolerance));    \
    INFO(#actual << " = " << kalavai_actual << ", expected " << kalavai_expected); \
    REQUIRE(std::abs(kalavai_actual - kalavai_expected) <= kalavai_tolerance);     \
  } while (false)

#endif  // KALAVAI_TESTS_SUPPORT_CATCH_H_

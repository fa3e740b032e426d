// RETURN_IF_ERROR and ASSIGN_OR_RETURN, with the semantics of Abseil's newer macros (Debian's
// Abseil has none).
//
//   RETURN_IF_ERROR(file.Write(bytes));
//   ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(text));
//
// Neither may stand alone as the body of an `if` without braces.
#ifndef KALAVAI_COMMON_BASE_STATUS_MACROS_H_
#define KALAVAI_COMMON_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define KALAVAI_CONCAT_INNER_(a, b) a##b
#define KALAVAI_CONCAT_(a, b) KALAVAI_CONCAT_INNER_(a, b)

#define RETURN_IF_ERROR(expr)                          \
  do {                                                 \
    absl::Status kalavai_status_ = (expr);             \
    if (!kalavai_status_.ok()) return kalavai_status_; \
  } while (false)

#define ASSIGN_OR_RETURN(lhs, expr) \
  KALAVAI_ASSIGN_OR_RETURN_(KALAVAI_CONCAT_(kalavai_statusor_, __LINE__), lhs, expr)

#define KALAVAI_ASSIGN_OR_RETURN_(statusor, lhs, expr) \
  auto statusor = (expr);                              \
  if (!statusor.ok()) return statusor.status();        \
  lhs = std::move(statusor).value()

#endif  // KALAVAI_COMMON_BASE_STATUS_MACROS_H_

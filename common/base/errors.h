// Errors that a person can act on: an absl::Status that carries a reason, a why and a fix.
//
//   return MakeError(absl::StatusCode::kFailedPrecondition, "BASE_MISMATCH",
//                    {.what = absl::StrCat("base digest: ", got, " found; must equal ", want),
//                     .why = "a specialist is only comparable with others trained from the same
//                     base", .fix = "run 'kalavai fetch', then train again", .metadata =
//                     {{"expected", want}, {"actual", got}}});
//
// The reason is one of proto/kalavai/v1/error_reason.proto (the tidy test checks it); it is stable,
// the texts are not. common/rpc turns the payload into google.rpc.ErrorInfo on the wire and back,
// so a member reads the coordinator's error exactly as the coordinator wrote it. Thread-safe: pure
// functions.
#ifndef KALAVAI_COMMON_BASE_ERRORS_H_
#define KALAVAI_COMMON_BASE_ERRORS_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kalavai {

struct ErrorText {
  std::string what = {};  // found where, and what must hold: one line; becomes Status::message()
  std::string why = {};   // the rule behind it; may be empty
  std::string fix = {};   // what the reader should do next; may be empty
  std::map<std::string, std::string> metadata = {};  // everything variable in the texts, by name
};

struct ErrorDetail {
  std::string reason;
  ErrorText text;
};

absl::Status MakeError(absl::StatusCode code, absl::string_view reason, ErrorText text);

// Returns the detail of a status made by MakeError (or received over RPC), or nullopt for a plain
// status.
std::optional<ErrorDetail> GetErrorDetail(const absl::Status& status);

// Returns the reason, or "" when the status carries none.
std::string GetErrorReason(const absl::Status& status);

// Returns `status` with "`context`: " put before its message; code and detail stay. OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// Errors of the operating system: code by errno, reason IO_ERROR (DISK_FULL for ENOSPC/EDQUOT,
// FILE_NOT_FOUND for ENOENT); what = "`operation` `path`: strerror".
absl::Status ErrnoError(int error_number, absl::string_view operation, absl::string_view path);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_ERRORS_H_
